//! Staging in an S3 bucket, by an emulator on loopback.
#![allow(clippy::unwrap_used, reason = "a helper of tests may panic")]

use crate::project::Project;
use dvt_test_support::Emulator;
use std::io::{Read, Write};
use std::net::TcpStream;

/// One plain request; gives the status and the body.
pub(crate) fn request(port: u16, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

pub(crate) fn keys(port: u16, more: &str) -> String {
    format!(
        "type: s3, bucket: stage, region: us-east-1, endpoint: 'http://127.0.0.1:{port}', access_key_id: k3y-id, \
         secret_access_key: s3cr3t-key{more}"
    )
}

/// Puts an object.
pub(crate) fn send(port: u16, path: &str, content: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = content.len();
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{content}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn staged(bucket: impl Fn(u16) -> String) -> Option<(Project, Emulator)> {
    let server = dvt_test_support::moto()?;
    assert_eq!(request(server.port, "PUT", "/stage").0, 200);
    let project = crate::pitfalls::two_files();
    project.write(
        "buckets.yml",
        &format!("shop:\n  target: cloud\n  buckets:\n    cloud: {{{}, staging: always}}\n", bucket(server.port)),
    );
    Some((project, server))
}

#[test]
fn extracts_are_staged_in_s3_and_removed_with_the_run() {
    let Some((project, server)) = staged(|port| keys(port, ", prefix: a/b")) else { return };
    let project = project.file(
        "models/m.sql",
        "select a.id, a.v from {{ source('l', 'a') }} as a join {{ source('r', 'b') }} as b on b.id = a.id",
    );
    for _ in 0..2 {
        project.dvt("build").exits(0).never_says("s3cr3t");
        assert_eq!(project.route("m"), "federate");
        assert_eq!(project.rows("target.db", "select count(*) as n from m"), [r#"{"n":100}"#]);
    }
    let listed = request(server.port, "GET", "/stage?list-type=2").1;
    assert!(!listed.contains("<Key>a/b/sources") || listed.contains("_kept"), "{listed}");
    project.dvt("clean --older-than 0s").exits(0).says("Bucket `cloud`");
    let listed = request(server.port, "GET", "/stage?list-type=2").1;
    assert!(!listed.contains("<Key>a/b/sources"), "{listed}");
}

#[test]
fn debug_probes_a_bucket_and_names_what_is_wrong() {
    let check = |bucket: fn(u16) -> String, code: i32, words: &[&str]| {
        let Some((project, _server)) = staged(bucket) else { return };
        let outcome = project.dvt("debug --debug-bucket").exits(code).never_says("s3cr3t");
        words.iter().fold(outcome, |outcome, words| outcome.says(words));
    };
    check(|port| keys(port, ", prefix: p"), 0, &["s3://stage/p (written, read, deleted"]);
    check(|port| keys(port, "").replace("bucket: stage", "bucket: nobodys"), 1, &["check the bucket's name"]);
    check(|port| keys(port, ", prefix: /"), 1, &["the whole bucket is named"]);
    check(|port| keys(port, ", regoin: x"), 1, &["`regoin` is no key of type s3"]);
    check(|_| keys(dvt_test_support::closed_port(), ", timeout: 2"), 1, &["`endpoint`"]);
}
