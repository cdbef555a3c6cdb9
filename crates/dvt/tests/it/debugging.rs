//! `dvt debug` before planted faults: each is named with one reason and one next step, fails the command, and shows no
//! secret.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::{TestDatabase, closed_port};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

/// A password that no output may hold.
const SECRET: &str = "hunter2-s3cr3t";

/// One fault: what the files say, and what `debug` has to say about it.
struct Fault {
    name: &'static str,
    /// The output `x`, else SQLite.
    output: String,
    /// `computes.yml` and `buckets.yml`, one entry called `x` in each.
    compute: &'static str,
    bucket: String,
    /// Of the failed check's reason and next step.
    reason: &'static str,
    next_step: &'static str,
}

impl Fault {
    fn output(name: &'static str, output: impl Into<String>, reason: &'static str, next_step: &'static str) -> Self {
        Self { name, output: output.into(), compute: "", bucket: String::new(), reason, next_step }
    }

    fn compute(name: &'static str, compute: &'static str, reason: &'static str, next_step: &'static str) -> Self {
        Self { name, output: String::new(), compute, bucket: String::new(), reason, next_step }
    }

    fn bucket(name: &'static str, bucket: impl Into<String>, reason: &'static str, next_step: &'static str) -> Self {
        Self { name, output: String::new(), compute: "", bucket: bucket.into(), reason, next_step }
    }

    /// What is said otherwise than it should be.
    fn check(&self) -> Option<String> {
        let output = if self.output.is_empty() { "{type: sqlite, path: target.db}" } else { &self.output };
        let project = Project::new()
            .variable("PATH", "/nonexistent")
            .profile("x", &format!("    x: {output}\n"))
            .file("plain.txt", "no database, no folder");
        for (file, entries, entry) in
            [("computes.yml", "computes", self.compute), ("buckets.yml", "buckets", self.bucket.as_str())]
        {
            if !entry.is_empty() {
                project.write(file, &format!("shop:\n  target: x\n  {entries}:\n    x: {entry}\n"));
            }
        }
        let outcome = project.dvt("debug --output json").never_says(SECRET);
        if outcome.code != 1 {
            return Some(format!("{}: exit code {}\n{}", self.name, outcome.code, outcome.stderr));
        }
        let document: Value = serde_json::from_str(outcome.stdout.trim())
            .unwrap_or_else(|error| panic!("{}: {error}\n{}\n{}", self.name, outcome.stdout, outcome.stderr));
        let failed: Vec<&Value> =
            document["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "FAIL").collect();
        if failed.len() != 1 {
            return Some(format!("{}: {document:#}", self.name));
        }
        let (reason, next_step) = (failed[0]["detail"].as_str().unwrap(), failed[0]["next_step"].as_str().unwrap());
        let says = |text: &str, words: &str| text.replace('`', "").contains(&words.replace('`', ""));
        if !says(reason, self.reason) || !says(next_step, self.next_step) {
            return Some(format!("{}: {reason} -> {next_step}", self.name));
        }
        assert_eq!((document["success"].as_bool(), document["failures"].as_u64()), (Some(false), Some(1)));
        None
    }
}

fn check_all(faults: impl IntoIterator<Item = Fault>) {
    let wrong: Vec<String> = faults.into_iter().filter_map(|fault| fault.check()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faults_of_outputs_computes_and_folders_are_named() {
    let closed = closed_port();
    let postgres = |more: &str| {
        format!("{{type: postgres, user: u, password: {SECRET}, dbname: d, schema: s, connect_timeout: 2, {more}}}")
    };
    let snow = |more: &str| format!("{{type: snowflake, account: a, user: u, database: d, schema: s, {more}}}");
    check_all([
        Fault::output(
            "wrong port",
            postgres(&format!("host: 127.0.0.1, port: {closed}")),
            "127.0.0.1",
            "host and port",
        ),
        Fault::output("no such name", postgres("host: nobody.invalid, port: 5432"), "nobody.invalid", "host and port"),
        Fault::output("a port that is none", postgres("host: h, port: 700000"), "port", "mend the output"),
        Fault::output(
            "a missing key",
            format!("{{type: postgres, host: h, password: {SECRET}}}"),
            "profile key `dbname` is missing",
            "mend the output",
        ),
        Fault::output("a misspelt key", postgres("host: h, port: 1, sslmoed: require"), "`sslmoed`", "`sslmode`"),
        Fault::output("a folder that is not there", "{type: sqlite, path: no/such/t.db}", "no/such", ""),
        Fault::output("a file that is no database", "{type: sqlite, path: plain.txt}", "plain.txt", ""),
        Fault::output(
            "a driver that is missing",
            "{type: duckdb, path: t.duckdb}",
            "is not installed",
            "run `dvt sync`",
        ),
        Fault::output(
            "another driver that is missing",
            snow(&format!("password: {SECRET}")),
            "is not installed",
            "run `dvt sync`",
        ),
        Fault::output("no way to log in", snow("role: r"), "neither `password` nor", "mend the output"),
        Fault::output(
            "a browser to log in",
            snow("authenticator: externalbrowser"),
            "opens a browser",
            "mend the output",
        ),
        Fault::output("a key file that is missing", snow("private_key_path: no.p8"), "no.p8", "mend the output"),
        Fault::output("a lake in a file", "{type: filesystem, path: plain.txt}", "plain.txt", ""),
        Fault::compute(
            "a Spark that is missing",
            "{type: spark, version: '4.0.1'}",
            "Spark 4.0.1 is not in",
            "run `dvt sync`",
        ),
        Fault::compute(
            "a Spark without a version",
            "{type: spark, master: 'local[1]'}",
            "neither `remote` nor",
            "computes.yml",
        ),
        Fault::compute(
            "a Spark server that is gone",
            "{type: spark, remote: 'sc://127.0.0.1:1'}",
            "nothing answers",
            "`remote`",
        ),
        Fault::compute(
            "a Spark address that is none",
            "{type: spark, remote: nonsense}",
            "`nonsense`",
            "sc://host:port",
        ),
        Fault::compute(
            "a spill folder in a file",
            "{type: datafusion, spill_dir: plain.txt/x}",
            "plain.txt",
            "may write to",
        ),
        Fault::compute(
            "a spill folder without rights",
            "{type: datafusion, spill_dir: /proc/x}",
            "/proc/x",
            "may write to",
        ),
        Fault::bucket("a bucket in a file", "{type: filesystem, path: plain.txt/b}", "plain.txt", "may write to"),
        Fault::bucket("a bucket without rights", "{type: filesystem, path: /proc/b}", "/proc/b", "may write to"),
        Fault::bucket("a bucket that is the disk", "{type: filesystem, path: /}", "root", "buckets.yml"),
    ]);
}

#[test]
fn faults_of_a_server_are_named() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let Some(certificates) = database.certificates() else { return };
    let TestDatabase { host, port, user, password, database: name, .. } = &database;
    let with = |user: &str, password: &str, dbname: &str, host: &str, more: &str| {
        format!(
            "{{type: postgres, host: {host}, port: {port}, user: {user}, password: '{password}', dbname: {dbname}, schema: s{more}}}"
        )
    };
    let tls = |authority: &std::path::Path| format!(", sslmode: verify-full, sslrootcert: {}", authority.display());
    check_all([
        Fault::output("a wrong password", with(user, SECRET, name, host, ""), "password", "user and password"),
        Fault::output("a user who is unknown", with("nobody", SECRET, name, host, ""), "nobody", "user and password"),
        Fault::output("a database that is missing", with(user, password, "nothing", host, ""), "nothing", "database"),
        Fault::output("a role that is missing", with(user, password, name, host, ", role: nobody"), "nobody", ""),
        Fault::output(
            "a certificate that nobody vouches for",
            with(user, password, name, "localhost", &tls(&certificates.other_authority)),
            "certificate",
            "certificates",
        ),
        Fault::output(
            "a certificate of another host",
            with(user, password, name, host, &tls(&certificates.authority)),
            "certificate",
            "certificates",
        ),
    ]);
}

/// A PostgreSQL server as far as its certificate, which has expired; it ends when this is dropped.
struct Expired {
    port: u16,
    program: std::process::Child,
    folder: tempfile::TempDir,
}

impl Expired {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |words: &str| {
            let done = Command::new("openssl").args(words.split(' ')).current_dir(folder.path()).output().unwrap();
            assert!(done.status.success(), "{words}: {}", String::from_utf8_lossy(&done.stderr));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        std::fs::write(folder.path().join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -days 30 -subj /CN=authority"));
        openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"));
        openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial 7 -days -1 -extfile names -out server.crt",
        );
        let inner = closed_port();
        let program = Command::new("openssl")
            .args(["s_server", "-quiet", "-cert", "server.crt", "-key", "server.key", "-accept"])
            .arg(format!("127.0.0.1:{inner}"))
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", inner)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // What PostgreSQL says before: a client asks for TLS in eight bytes, the answer is one letter.
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let (mut client, mut server) = (client, TcpStream::connect(("127.0.0.1", inner)).ok()?);
                    client.read_exact(&mut [0; 8]).ok()?;
                    client.write_all(b"S").ok()?;
                    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
                    std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
                    std::io::copy(&mut server, &mut client).ok()
                });
            }
        });
        Self { port, program, folder }
    }
}

impl Drop for Expired {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn a_certificate_that_has_expired_is_told_as_that() {
    let server = Expired::start();
    check_all([Fault::output(
        "an expired certificate",
        format!(
            "{{type: postgres, host: localhost, port: {}, user: u, password: {SECRET}, dbname: d, schema: s, sslmode: \
             verify-full, sslrootcert: {}}}",
            server.port,
            server.folder.path().join("ca.crt").display()
        ),
        "xpired",
        "has expired",
    )]);
}

#[test]
fn a_proxy_that_stands_between_is_named_without_its_password() {
    let proxy = format!("http://me:{SECRET}@127.0.0.1:{}", closed_port());
    let project = Project::new()
        .variable("HTTP_PROXY", &proxy)
        .variable("HTTPS_PROXY", &proxy)
        .profile("x", "    x: {type: sqlite, path: target.db}\n")
        .file(
            "buckets.yml",
            &format!(
                "shop:\n  target: x\n  buckets:\n    x: {{type: s3, bucket: b, region: r, access_key_id: id, \
                 secret_access_key: {SECRET}, timeout: 2}}\n"
            ),
        );
    let outcome = project.dvt("debug --debug-bucket").exits(1).never_says(SECRET);
    outcome.says("`HTTPS_PROXY` of the environment sends requests through 127.0.0.1");
}

/// A server that gives every request the same answer, as S3 words its refusals.
fn refusing(status: &str, code: &str, message: &str) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let answer = answer.clone();
            std::thread::spawn(move || {
                // The request is small: one read takes its head, and the body does not matter.
                let _ = stream.read(&mut [0; 64 * 1024]);
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    port
}

#[test]
fn faults_of_a_bucket_in_the_cloud_are_named() {
    let keys = |port: u16| {
        format!(
            "{{type: s3, bucket: b, prefix: p, region: r, endpoint: 'http://127.0.0.1:{port}', access_key_id: id, \
             secret_access_key: {SECRET}, timeout: 2}}"
        )
    };
    let refused = |status: &str, code: &str, message: &str| keys(refusing(status, code, message));
    check_all([
        Fault::bucket(
            "a clock that is wrong",
            refused(
                "403 Forbidden",
                "RequestTimeTooSkewed",
                "The difference between the request time and the server's",
            ),
            "RequestTimeTooSkewed",
            "clock",
        ),
        Fault::bucket(
            "another region",
            refused(
                "400 Bad Request",
                "AuthorizationHeaderMalformed",
                "the region 'r' is wrong; expecting 'eu-west-1'",
            ),
            "expecting 'eu-west-1'",
            "`region`",
        ),
        Fault::bucket(
            "a key that is unknown",
            refused("403 Forbidden", "InvalidAccessKeyId", "The key does not exist in our records."),
            "InvalidAccessKeyId",
            "check the key",
        ),
        Fault::bucket(
            "a secret that is wrong",
            refused("403 Forbidden", "SignatureDoesNotMatch", "The signature does not match."),
            "SignatureDoesNotMatch",
            "check the key",
        ),
        Fault::bucket(
            "a token that is old",
            refused("400 Bad Request", "ExpiredToken", "expired"),
            "ExpiredToken",
            "renew",
        ),
        Fault::bucket(
            "a bucket to read only",
            refused("403 Forbidden", "AccessDenied", "Access Denied"),
            "AccessDenied",
            "PutObject",
        ),
        Fault::bucket(
            "no such bucket",
            refused("404 Not Found", "NoSuchBucket", "no such bucket"),
            "NoSuchBucket",
            "name",
        ),
        Fault::bucket("nobody there", keys(closed_port()), "written", "endpoint"),
        Fault::bucket(
            "an endpoint without an address",
            keys(1).replace("127.0.0.1:1", "nobody.invalid"),
            "nobody.invalid",
            "endpoint",
        ),
        Fault::bucket("no bucket named", "{type: s3, region: r}", "`bucket` is missing", "buckets.yml"),
        Fault::bucket("half of a key", "{type: s3, bucket: b, access_key_id: x}", "go together", "buckets.yml"),
        Fault::bucket(
            "a profile that is missing",
            "{type: s3, bucket: b, profile: nobody}",
            "profile `nobody` is neither in",
            "buckets.yml",
        ),
    ]);
}
