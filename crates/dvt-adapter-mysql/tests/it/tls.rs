//! Encryption as the profile asks for it. The test server's certificate is for `localhost`.

use crate::support::{adapter, profile};
use dvt_adapter::{ErrorClass, Fetch};
use serde_json::{Value, json};

#[tokio::test]
async fn certificates_are_checked_as_asked() {
    let Some(database) = dvt_test_support::mysql() else { return };
    let Some(certificates) = database.certificates() else { return };
    let (ours, other) = (certificates.authority.to_str().unwrap(), certificates.other_authority.to_str().unwrap());
    let cases: Vec<(&str, Value, Result<bool, ErrorClass>)> = vec![
        ("127.0.0.1", json!({}), Ok(true)),
        ("127.0.0.1", json!({"ssl_disabled": true}), Ok(false)),
        ("127.0.0.1", json!({"sslmode": "required"}), Ok(true)),
        ("127.0.0.1", json!({"ssl_ca": ours}), Ok(true)),
        ("127.0.0.1", json!({"ssl_ca": other}), Err(ErrorClass::Tls)),
        ("127.0.0.1", json!({"sslmode": "verify_identity", "ssl_ca": ours}), Err(ErrorClass::Tls)),
        ("localhost", json!({"sslmode": "verify_identity", "ssl_ca": ours}), Ok(true)),
        ("localhost", json!({"ssl_verify_identity": true, "ssl_ca": other}), Err(ErrorClass::Tls)),
        ("localhost", json!({"sslmode": "verify_ca", "ssl_ca": "/no/such/file.pem"}), Err(ErrorClass::Tls)),
    ];
    for (host, keys, expected) in cases {
        let mut output = profile(&database, "mysql");
        output.insert("server".to_owned(), json!(host));
        for (key, value) in keys.as_object().unwrap() {
            output.insert(key.clone(), value.clone());
        }
        let got = match adapter(&output).session().await {
            Ok(mut session) => {
                let sql =
                    "select variable_value from information_schema.session_status where variable_name = 'SSL_CIPHER'";
                let rows = session.execute(sql, Fetch::All).await.unwrap().rows.unwrap().1;
                Ok(!crate::support::text_rows(&rows)[0].is_empty())
            }
            Err(error) => Err(error.class),
        };
        assert_eq!(got, expected, "{host} {keys}");
    }
}

#[tokio::test]
async fn an_account_that_wants_tls_gets_it_or_says_so() {
    let Some(database) = dvt_test_support::mysql() else { return };
    if database.certificates().is_none() {
        return;
    }
    let mut output = profile(&database, "mysql");
    output.insert("username".to_owned(), json!("dvt_tls_only"));
    adapter(&output).session().await.map(drop).unwrap();
    output.insert("ssl_disabled".to_owned(), json!(true));
    let error = adapter(&output).session().await.map(drop).unwrap_err();
    assert_eq!(error.class, ErrorClass::Authentication, "{error}");
}
