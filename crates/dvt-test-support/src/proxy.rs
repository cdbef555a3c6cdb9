//! A TCP proxy that breaks connections at a chosen word of the client's.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// When a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The word never reaches the server.
    Before,
    /// The server has done what it was asked and says so, and the client never hears it.
    AnswerLost,
}

/// What is left to be done.
struct Plan {
    word: Vec<u8>,
    /// How often the word passes unharmed before the cut.
    passes: usize,
    cut: Cut,
}

/// Stands before a server on 127.0.0.1 until the process ends.
pub struct Proxy {
    pub port: u16,
    plan: Arc<Mutex<Option<Plan>>>,
    /// Every connection that it has passed on.
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// A proxy before this server that passes everything on.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn start(host: &str, port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
        let own_port = listener.local_addr().expect("a listener has an address").port();
        let plan: Arc<Mutex<Option<Plan>>> = Arc::default();
        let connections: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (shared, server) = (Arc::clone(&plan), (host.to_owned(), port));
        let passed = Arc::clone(&connections);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(upstream) = TcpStream::connect((server.0.as_str(), server.1)) else { continue };
                if let Ok(again) = client.try_clone() {
                    passed.lock().unwrap_or_else(PoisonError::into_inner).push(again);
                }
                pass_on(client, upstream, &shared);
            }
        });
        Self { port: own_port, plan, connections }
    }

    /// Breaks the connection on which the client says `word` for the time after the next `passes`. Only one is broken.
    pub fn cut(&self, word: &str, passes: usize, cut: Cut) {
        *self.plan() = Some(Plan { word: word.as_bytes().to_vec(), passes, cut });
    }

    /// Breaks every connection there is now; gives how many there were.
    pub fn break_all(&self) -> usize {
        let open = std::mem::take(&mut *self.connections.lock().unwrap_or_else(PoisonError::into_inner));
        open.iter().filter(|connection| connection.shutdown(Shutdown::Both).is_ok()).count()
    }

    /// Whether the last [`Proxy::cut`] has happened; it never happens afterwards.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.plan().take().is_none()
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pass_on(client: TcpStream, server: TcpStream, plan: &Arc<Mutex<Option<Plan>>>) {
    let swallows = Arc::new(AtomicBool::new(false));
    let (Ok(client_again), Ok(server_again)) = (client.try_clone(), server.try_clone()) else { return };
    let (plan, told) = (Arc::clone(plan), Arc::clone(&swallows));
    thread::spawn(move || {
        copy(&client, &server, |bytes| match due(&plan, bytes) {
            Some(Cut::Before) => false,
            Some(Cut::AnswerLost) => {
                told.store(true, Ordering::SeqCst);
                true
            }
            None => true,
        });
    });
    thread::spawn(move || copy(&server_again, &client_again, |_| !swallows.load(Ordering::SeqCst)));
}

/// Copies until either side ends, or `passes` says no; then both are closed.
fn copy(from: &TcpStream, to: &TcpStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let (mut reader, mut writer) = (from, to);
    let mut buffer = [0; 64 << 10];
    while let Ok(read) = reader.read(&mut buffer) {
        if read == 0 || !passes(&buffer[..read]) || writer.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// The cut that these bytes of the client call for.
fn due(plan: &Mutex<Option<Plan>>, bytes: &[u8]) -> Option<Cut> {
    let mut waiting = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = waiting.as_mut()?;
    if !bytes.windows(plan.word.len()).any(|window| window == plan.word) {
        return None;
    }
    if plan.passes > 0 {
        plan.passes -= 1;
        return None;
    }
    waiting.take().map(|plan| plan.cut)
}
