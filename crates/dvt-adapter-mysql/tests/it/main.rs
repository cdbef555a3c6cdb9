//! The MySQL leaf on a private MariaDB: the conformance suite for both adapter types, and what is special here.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod special;
mod support;
mod tls;

mod mysql {
    dvt_adapter::conformance!(crate::support::mysql_subject);
}

mod mariadb {
    dvt_adapter::conformance!(crate::support::mariadb_subject);
}
