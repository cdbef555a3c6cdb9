//! A server on the loopback that answers what a test tells it to, and archives to answer with.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One answer: status and body.
type Answer = (u16, Vec<u8>);

/// A package hub. It stops when it is dropped.
pub(crate) struct Hub {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    port: u16,
}

#[derive(Default)]
struct State {
    answers: HashMap<String, Answer>,
    /// Answers given once, before the lasting one.
    first: HashMap<String, Vec<Answer>>,
    asked: Vec<String>,
    stops: bool,
}

impl Hub {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("this works in a test");
        let port = listener.local_addr().expect("this works in a test").port();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                if shared.lock().expect("this works in a test").stops {
                    break;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        let hub = Self { url: format!("http://127.0.0.1:{port}/"), state, port };
        hub.set("/api/v1/index.json", 200, b"[]");
        hub
    }

    pub(crate) fn set(&self, path: &str, status: u16, body: &[u8]) {
        self.state.lock().expect("this works in a test").answers.insert(path.to_owned(), (status, body.to_vec()));
    }

    /// The next answer for a path, before its lasting one.
    pub(crate) fn set_once(&self, path: &str, status: u16, body: &[u8]) {
        self.state
            .lock()
            .expect("this works in a test")
            .first
            .entry(path.to_owned())
            .or_default()
            .push((status, body.to_vec()));
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.state.lock().expect("this works in a test").asked.iter().filter(|asked| *asked == path).count()
    }

    /// Publishes versions of `namespace/name`, each with what it brings and what it requires of dbt.
    pub(crate) fn publish(&self, package: &str, versions: &[(&str, Value, Value)]) {
        let (namespace, name) = package.split_once('/').expect("this works in a test");
        let mut described = serde_json::Map::new();
        for (version, packages, require) in versions {
            let path = format!("/archives/{name}-{version}.tar.gz");
            let project = format!("name: {name}\nversion: {version}\n");
            self.set(&path, 200, &archive(&format!("{name}-{version}"), &[("dbt_project.yml", &project)]));
            described.insert(
                (*version).to_owned(),
                json!({
                    "id": format!("{package}/{version}"),
                    "name": name,
                    "packages": packages,
                    "require_dbt_version": require,
                    "downloads": {"tarball": format!("http://127.0.0.1:{}{path}", self.port), "format": "tgz"},
                }),
            );
        }
        let answer = json!({"name": name, "namespace": namespace, "versions": described});
        self.set(&format!("/api/v1/{package}.json"), 200, answer.to_string().as_bytes());
        let mut state = self.state.lock().expect("this works in a test");
        let (_, index) = &state.answers["/api/v1/index.json"];
        let mut index: Vec<String> = serde_json::from_slice(index).expect("this works in a test");
        index.push(package.to_owned());
        state.answers.insert("/api/v1/index.json".to_owned(), (200, json!(index).to_string().into_bytes()));
    }

    /// Refuses connections from now on.
    pub(crate) fn stop(&self) {
        self.state.lock().expect("this works in a test").stops = true;
        // The listener closes when it has been woken.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for _ in 0..100 {
            if TcpStream::connect(("127.0.0.1", self.port)).is_err() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the hub did not stop");
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.state.lock().expect("this works in a test").stops = true;
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("this works in a test"));
    let mut request = String::new();
    if reader.read_line(&mut request).is_err() {
        return;
    }
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = {
        let mut state = state.lock().expect("this works in a test");
        state.asked.push(path.clone());
        let first = state.first.get_mut(&path).filter(|first| !first.is_empty()).map(|first| first.remove(0));
        first.or_else(|| state.answers.get(&path).cloned()).unwrap_or((404, b"nothing here".to_vec()))
    };
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// A `.tar.gz` with one top folder.
pub(crate) fn archive(top: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    for (name, text) in files {
        let path = format!("{top}/{name}");
        let mut header = [0_u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", text.len()).as_bytes());
        header[148..156].copy_from_slice(b"        ");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        gzip.write_all(&header).expect("this works in a test");
        gzip.write_all(text.as_bytes()).expect("this works in a test");
        gzip.write_all(&vec![0; text.len().div_ceil(512) * 512 - text.len()]).expect("this works in a test");
    }
    gzip.write_all(&[0; 1024]).expect("this works in a test");
    gzip.finish().expect("this works in a test")
}
