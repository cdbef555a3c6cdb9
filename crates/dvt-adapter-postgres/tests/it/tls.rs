//! `sslmode`, key by key, against a server whose certificate is for `localhost` only.

use crate::support::{adapter, output_with};
use arrow::array::AsArray;
use dvt_adapter::{ErrorClass, Fetch};
use dvt_test_support::TestDatabase;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Whether the connection is encrypted, or the class of the refusal.
async fn connect(database: &TestDatabase, changes: Value) -> Result<bool, ErrorClass> {
    let adapter = adapter(&output_with(database, changes));
    let mut session = match adapter.session().await {
        Ok(session) => session,
        Err(error) => return Err(error.class),
    };
    let sql = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let (_, batches) = session.execute(sql, Fetch::All).await.unwrap().rows.unwrap();
    Ok(batches[0].column(0).as_boolean().value(0))
}

#[tokio::test]
async fn sslmode_is_kept() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let Some(certificates) = database.certificates() else { return };
    let authority = certificates.authority.to_str().unwrap();
    let other = certificates.other_authority.to_str().unwrap();
    let by_name = |mode: &str, root: &str| json!({"host": "localhost", "sslmode": mode, "sslrootcert": root});
    let by_address = |mode: &str, root: &str| json!({"sslmode": mode, "sslrootcert": root});

    assert_eq!(connect(&database, json!({"sslmode": "disable"})).await, Ok(false));
    assert_eq!(connect(&database, json!({"sslmode": "allow"})).await, Ok(false));
    assert_eq!(connect(&database, json!({})).await, Ok(true), "prefer is the default");
    assert_eq!(connect(&database, json!({"sslmode": "require"})).await, Ok(true));
    assert_eq!(connect(&database, by_address("verify-ca", authority)).await, Ok(true));
    assert_eq!(connect(&database, by_name("verify-full", authority)).await, Ok(true));

    // A certificate that does not match is refused.
    assert_eq!(connect(&database, by_address("verify-full", authority)).await, Err(ErrorClass::Tls));
    assert_eq!(connect(&database, by_name("verify-full", other)).await, Err(ErrorClass::Tls));
    assert_eq!(connect(&database, by_name("verify-ca", other)).await, Err(ErrorClass::Tls));
    assert_eq!(connect(&database, by_name("require", other)).await, Err(ErrorClass::Tls), "as libpq has it");
    assert_eq!(connect(&database, json!({"sslmode": "verify-full", "host": "localhost"})).await, Err(ErrorClass::Tls));
    assert_eq!(connect(&database, by_name("verify-ca", "/no/such/file")).await, Err(ErrorClass::Tls));
}

#[tokio::test]
async fn the_other_way_is_tried_where_the_mode_allows_it() {
    let Some(database) = dvt_test_support::postgres() else { return };
    if database.certificates().is_none() {
        return;
    }
    let as_user = |user: &str, mode: &str| json!({"user": user, "sslmode": mode});
    assert_eq!(connect(&database, as_user("dvt_tls_only", "allow")).await, Ok(true));
    assert_eq!(connect(&database, as_user("dvt_tls_only", "disable")).await, Err(ErrorClass::Authentication));
    assert_eq!(connect(&database, as_user("dvt_plain_only", "prefer")).await, Ok(false));
    assert_eq!(connect(&database, as_user("dvt_plain_only", "require")).await, Err(ErrorClass::Authentication));
    let wrong = json!({"user": "dvt_tls_only", "sslmode": "prefer", "password": "wrong"});
    assert_eq!(connect(&database, wrong).await, Err(ErrorClass::Authentication));
}

/// A door to the server that speaks no TLS; gives its port.
async fn without_tls(database: &TestDatabase) -> u16 {
    const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    let server = (database.host.clone(), database.port);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut first = [0; 8];
                client.read_exact(&mut first).await.unwrap();
                if first == ASKS_FOR_TLS {
                    client.write_all(b"N").await.unwrap();
                    return;
                }
                let mut server = TcpStream::connect(server).await.unwrap();
                server.write_all(&first).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_server_without_tls_is_used_and_its_own_words_are_told() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let port = without_tls(&database).await;
    assert_eq!(connect(&database, json!({"port": port})).await, Ok(false));
    assert_eq!(connect(&database, json!({"port": port, "sslmode": "require"})).await, Err(ErrorClass::Tls));
    let adapter = adapter(&output_with(&database, json!({"port": port, "password": "wrong"})));
    let error = adapter.session().await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Authentication);
    assert!(error.to_string().contains("password authentication failed"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_a_login() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let Some(certificates) = database.certificates() else { return };
    let mut changes = json!({
        "user": "dvt_certificate",
        "password": null,
        "sslmode": "verify-full",
        "host": "localhost",
        "sslrootcert": certificates.authority.to_str().unwrap(),
        "sslcert": certificates.client_certificate.to_str().unwrap(),
        "sslkey": certificates.client_key.to_str().unwrap(),
    });
    assert_eq!(connect(&database, changes.clone()).await, Ok(true));
    changes["sslcert"] = Value::Null;
    changes["sslkey"] = Value::Null;
    assert_eq!(connect(&database, changes).await, Err(ErrorClass::Authentication));
}

/// Cancelling goes over TLS too.
#[tokio::test]
async fn cancelling_works_over_tls() {
    let Some(database) = dvt_test_support::postgres() else { return };
    if database.certificates().is_none() {
        return;
    }
    let adapter = adapter(&output_with(&database, json!({"sslmode": "require", "user": "dvt_tls_only"})));
    let mut session = adapter.session().await.unwrap();
    let cancel = dvt_adapter::CancellationToken::new();
    session.set_cancel(cancel.clone());
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let begun = std::time::Instant::now();
    let error = session.execute("select pg_sleep(60)", Fetch::None).await.err().unwrap();
    assert_eq!(error.class, ErrorClass::Cancelled);
    assert!(begun.elapsed().as_secs() < 10);
}
