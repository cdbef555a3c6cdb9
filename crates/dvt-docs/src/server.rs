//! Serves one folder over HTTP: files, nothing else, and only to pages that were loaded from here.
//!
//! A name that another site lets point at this machine is refused by its `Host`, so that no foreign page can read the
//! project through the reader's browser.

use percent_encoding::percent_decode_str;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_HEADER_BYTES: u64 = 64 * 1024;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on; most often another program does.
    #[error("cannot listen on {host}:{port}: {cause}")]
    Listen { host: String, port: u16, cause: io::Error },
}

/// A server that listens.
#[derive(Debug)]
pub struct DocsServer {
    listener: TcpListener,
    folder: PathBuf,
    host: String,
    address: SocketAddr,
}

impl DocsServer {
    /// Listens on the first address of `host` that is free; port 0 takes any.
    ///
    /// # Errors
    /// [`ServeError::Listen`].
    pub fn bind(host: &str, port: u16, folder: &Path) -> Result<Self, ServeError> {
        let failed = |cause| ServeError::Listen { host: host.to_owned(), port, cause };
        let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(failed)?.collect();
        let listener = TcpListener::bind(addresses.as_slice()).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, folder: folder.to_owned(), host: host.to_owned(), address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until the process ends, each on a thread of its own.
    pub fn serve(&self) {
        for stream in self.listener.incoming() {
            // A connection that could not be taken is the browser's to try again.
            let Ok(stream) = stream else { continue };
            let (folder, host, address) = (self.folder.clone(), self.host.clone(), self.address);
            std::thread::spawn(move || {
                // A browser that went away is no failure.
                let _ = answer(stream, &folder, &host, address.ip());
            });
        }
    }
}

fn answer(mut stream: TcpStream, folder: &Path, host: &str, bound: IpAddr) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(MAX_HEADER_BYTES));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut asked_host = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("host")
        {
            asked_host = Some(value.trim().to_owned());
        }
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let has_body = method == "GET";
    if !has_body && method != "HEAD" {
        return refuse(&mut stream, "405 Method Not Allowed");
    }
    if !is_own_host(asked_host.as_deref(), host, bound) {
        return refuse(&mut stream, "403 Forbidden");
    }
    let Some(path) = file_path(folder, target) else { return refuse(&mut stream, "404 Not Found") };
    let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
    let Ok((metadata, mut file)) = opened else { return refuse(&mut stream, "404 Not Found") };
    if !metadata.is_file() {
        return refuse(&mut stream, "404 Not Found");
    }
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\nX-Content-Type-Options: \
         nosniff\r\nConnection: close\r\n\r\n",
        content_type(&path),
        metadata.len()
    )?;
    if has_body {
        io::copy(&mut Read::by_ref(&mut file).take(metadata.len()), &mut stream)?;
    }
    stream.flush()
}

fn refuse(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{status}",
        status.len()
    )?;
    stream.flush()
}

/// The file that an address names, below the folder and with no link that leads out of it.
fn file_path(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let relative = decoded.trim_start_matches('/');
    let relative = if relative.is_empty() { "index.html" } else { relative };
    let is_plain = Path::new(relative).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || relative.contains(['\\', '\0']) {
        return None;
    }
    let path = folder.join(relative).canonicalize().ok()?;
    path.starts_with(folder.canonicalize().ok()?).then_some(path)
}

/// Whether a request means this server. One that listens to all addresses has names that only its network knows.
fn is_own_host(asked: Option<&str>, host: &str, bound: IpAddr) -> bool {
    if bound.is_unspecified() {
        return true;
    }
    let Some(asked) = asked else { return false };
    let name = match asked.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => asked.rsplit_once(':').map_or(asked, |(name, _)| name),
    };
    name.eq_ignore_ascii_case(host)
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || address == bound)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "json" => "application/json",
        "js" => "text/javascript",
        "css" => "text/css",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "txt" | "sql" | "md" | "csv" | "yml" | "log" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn files_of_the_folder_are_served_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir_all(target.join("compiled/a b")).unwrap();
        fs::write(target.join("index.html"), "the page").unwrap();
        fs::write(target.join("manifest.json"), "{}").unwrap();
        fs::write(target.join("compiled/a b/x.sql"), "select 1").unwrap();
        fs::write(folder.path().join("secret"), "no").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret"), target.join("link")).unwrap();
        let server = DocsServer::bind("127.0.0.1", 0, &target).unwrap();
        let address = server.address();
        std::thread::spawn(move || server.serve());
        let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
        assert!(get("/").ends_with("\r\n\r\nthe page"));
        assert!(get("/?x=1").contains("Content-Type: text/html"));
        assert!(get("/manifest.json?cb=12").contains("Content-Type: application/json"));
        assert!(get("/compiled/a%20b/x.sql").ends_with("select 1"));
        for wrong in
            ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "//etc/passwd", "/link", "/compiled", "/missing", "/%00"]
        {
            assert!(get(wrong).starts_with("HTTP/1.1 404"), "{wrong}");
        }
        assert!(ask(address, "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n").ends_with("Connection: close\r\n\r\n"));
        assert!(ask(address, "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").starts_with("HTTP/1.1 405"));
        assert!(ask(address, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").starts_with("HTTP/1.1 403"));
    }

    #[test]
    fn a_port_that_is_taken_is_said() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = DocsServer::bind("127.0.0.1", port, Path::new(".")).unwrap_err();
        assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}")));
    }
}
