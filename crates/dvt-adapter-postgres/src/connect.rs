//! Opens connections: socket, TLS as asked, login, role; and cancels what they run.

use crate::database::Database;
use crate::errors::from_driver;
use crate::settings::{Keepalives, Settings, TlsMode};
use crate::tap::{Ear, Tap};
use crate::tls::{Handshake, TlsFailure, client_config};
use dvt_adapter::{AdapterError, ErrorClass};
use rustls::ClientConfig;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, CancelToken, Client, NoTls};

/// Everything needed to open a connection of this profile output, any number of times.
#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) settings: Settings,
    pub(crate) database: Arc<dyn Database>,
    /// Read once, when TLS is first needed.
    tls: OnceLock<Result<Arc<ClientConfig>, TlsFailure>>,
}

/// An open, logged in connection.
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) ear: Ear,
    pub(crate) canceller: Canceller,
}

/// Asks the server, over a connection of its own, to stop what a connection runs.
#[derive(Clone)]
pub(crate) struct Canceller {
    connector: Arc<Connector>,
    token: CancelToken,
    is_encrypted: bool,
}

impl Connector {
    pub(crate) fn new(settings: Settings, database: Arc<dyn Database>) -> Arc<Self> {
        Arc::new(Self { settings, database, tls: OnceLock::new() })
    }

    fn error(&self, class: ErrorClass, message: impl Into<String>) -> AdapterError {
        AdapterError::new(class, &self.settings.connection, message)
    }

    /// Opens a connection, trying again as often as `retries` says while nothing answers.
    pub(crate) async fn connect(self: &Arc<Self>) -> Result<Connection, AdapterError> {
        let mut attempt = 0;
        loop {
            match self.connect_once().await {
                Err(error) if error.is_retryable() && attempt < self.settings.retries => {
                    attempt += 1;
                    tracing::debug!(connection = self.settings.connection, attempt, %error, "connecting again");
                    tokio::time::sleep(Duration::from_millis(250 * u64::from(attempt.min(8)))).await;
                }
                result => return result,
            }
        }
    }

    /// One round of the ways that `sslmode` allows.
    async fn connect_once(self: &Arc<Self>) -> Result<Connection, AdapterError> {
        let ways: &[bool] = match self.settings.tls.mode {
            _ if self.settings.is_unix_socket() => &[false],
            TlsMode::Disable => &[false],
            TlsMode::Allow => &[false, true],
            TlsMode::Prefer => &[true, false],
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => &[true],
        };
        let mut failure: Option<AdapterError> = None;
        for is_encrypted in ways {
            match self.connect_by(*is_encrypted).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    let may_differ = error.class == ErrorClass::Tls || error.code.as_deref() == Some("28000");
                    tracing::debug!(connection = self.settings.connection, %error, "this way fails");
                    // That one way is not there tells less than what the server says on the other.
                    if failure.as_ref().is_none_or(|failure| failure.class == ErrorClass::Tls) {
                        failure = Some(error);
                    }
                    if !may_differ {
                        break;
                    }
                }
            }
        }
        Err(failure.unwrap_or_else(|| self.error(ErrorClass::Other, "no way to connect")))
    }

    async fn connect_by(self: &Arc<Self>, is_encrypted: bool) -> Result<Connection, AdapterError> {
        let seconds = self.settings.connect_timeout;
        match tokio::time::timeout(seconds, self.log_in(is_encrypted)).await {
            Ok(result) => result,
            Err(_) => Err(self.error(
                ErrorClass::Unreachable,
                format!("{} did not answer within {} seconds", self.address(), seconds.as_secs()),
            )),
        }
    }

    async fn log_in(self: &Arc<Self>, is_encrypted: bool) -> Result<Connection, AdapterError> {
        let socket = self.open_socket().await?;
        let ear = Ear::default();
        let config = self.driver_config(is_encrypted);
        let client = if is_encrypted {
            let handshake = self.handshake(ear.clone())?;
            let (client, connection) =
                config.connect_raw(socket, handshake).await.map_err(|error| self.login_error(error))?;
            tokio::spawn(drive(connection, self.settings.connection.clone()));
            client
        } else {
            let tapped = Tap::new(socket, ear.clone());
            let (client, connection) =
                config.connect_raw(tapped, NoTls).await.map_err(|error| self.login_error(error))?;
            tokio::spawn(drive(connection, self.settings.connection.clone()));
            client
        };
        if let Some(opening) = self.database.opening(&self.settings) {
            client
                .batch_execute(&opening)
                .await
                .map_err(|error| from_driver(&self.settings.connection, error, Some(&opening)))?;
        }
        let canceller = Canceller { connector: Arc::clone(self), token: client.cancel_token(), is_encrypted };
        Ok(Connection { client, ear, canceller })
    }

    fn handshake(&self, ear: Ear) -> Result<Handshake, AdapterError> {
        let config = self.tls.get_or_init(|| client_config(&self.settings.tls));
        let config = config.as_ref().map_err(|error| self.error(ErrorClass::Tls, error.to_string()))?;
        Ok(Handshake { config: Arc::clone(config), host: self.settings.host.clone(), ear })
    }

    fn driver_config(&self, is_encrypted: bool) -> tokio_postgres::Config {
        let settings = &self.settings;
        let mut config = tokio_postgres::Config::new();
        config
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name(&settings.application_name)
            .ssl_mode(if is_encrypted { SslMode::Require } else { SslMode::Disable });
        if let Some(password) = &settings.password {
            config.password(password.expose());
        }
        if let Some(search_path) = settings.search_path.as_deref().filter(|path| !path.is_empty()) {
            let escaped = search_path.replace('\\', "\\\\").replace(' ', "\\ ");
            config.options(format!("-c search_path={escaped}"));
        }
        config
    }

    async fn open_socket(&self) -> Result<Socket, AdapterError> {
        let settings = &self.settings;
        let opened = if settings.is_unix_socket() {
            let path = format!("{}/.s.PGSQL.{}", settings.host.trim_end_matches('/'), settings.port);
            UnixStream::connect(path).await.map(|stream| Socket(Box::new(stream)))
        } else {
            match TcpStream::connect((settings.host.as_str(), settings.port)).await {
                Ok(stream) => configure(&stream, settings.keepalives).map(|()| Socket(Box::new(stream))),
                Err(error) => Err(error),
            }
        };
        opened.map_err(|error| {
            self.error(ErrorClass::Unreachable, format!("nothing answers at {}: {error}", self.address()))
                .with_hint("check `host` and `port`, and that the server is running")
                .with_cause(error)
        })
    }

    fn address(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    fn login_error(&self, error: tokio_postgres::Error) -> AdapterError {
        let cause = error.source();
        if let Some(failure) = cause.and_then(|cause| cause.downcast_ref::<TlsFailure>()) {
            return self.error(ErrorClass::Tls, failure.to_string());
        }
        let text = cause.map(ToString::to_string).unwrap_or_default();
        if text.contains("does not support TLS") {
            return self.error(ErrorClass::Tls, "the server does not support TLS");
        }
        if text.contains("password missing") {
            return self
                .error(ErrorClass::Authentication, "the server asks for a password, and none is given")
                .with_hint("give `password` in the profile");
        }
        from_driver(&self.settings.connection, error, None)
    }
}

impl Canceller {
    /// Returns when the server has passed the request on, so that it cannot hit a later statement.
    pub(crate) async fn cancel(&self) -> Result<(), AdapterError> {
        let timeout = self.connector.settings.connect_timeout;
        let request = async {
            let socket = UntilClosed(self.connector.open_socket().await?);
            let sent = if self.is_encrypted {
                let handshake = self.connector.handshake(Ear::default())?;
                self.token.cancel_query_raw(socket, handshake).await
            } else {
                self.token.cancel_query_raw(socket, NoTls).await
            };
            sent.map_err(|error| self.connector.login_error(error))
        };
        match tokio::time::timeout(timeout, request).await {
            Ok(result) => result,
            Err(_) => Err(self.connector.error(ErrorClass::Timeout, "the cancel request was not answered")),
        }
    }

    /// Cancels without waiting, from places that cannot wait (a dropped stream).
    pub(crate) fn cancel_in_background(self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = self.cancel().await {
                    tracing::debug!(%error, "a dropped query could not be cancelled");
                }
            });
        }
    }
}

fn configure(stream: &TcpStream, keepalives: Keepalives) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    if keepalives == Keepalives::default() {
        return socket.set_keepalive(true);
    }
    let mut asked = socket2::TcpKeepalive::new();
    if let Some(idle) = keepalives.idle {
        asked = asked.with_time(idle);
    }
    if let Some(interval) = keepalives.interval {
        asked = asked.with_interval(interval);
    }
    if let Some(count) = keepalives.count {
        asked = asked.with_retries(count);
    }
    socket.set_tcp_keepalive(&asked)
}

/// Moves the connection's bytes until it ends; notices go to the debug log.
async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, name: String)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            Ok(AsyncMessage::Notice(notice)) => {
                tracing::debug!(connection = name, severity = notice.severity(), "{}", notice.message());
            }
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(connection = name, %error, "the connection ended");
                return;
            }
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// TCP or Unix.
pub(crate) struct Socket(Box<dyn Stream>);

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// A socket whose shutdown waits until the other side has closed too: the server closes a cancel request's connection after
/// it has sent the signal.
struct UntilClosed(Socket);

impl AsyncRead for UntilClosed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for UntilClosed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The server may have closed already; then shutting down or reading fails, and that is an end too.
        let _ = ready!(Pin::new(&mut self.0).poll_shutdown(context));
        loop {
            let mut bytes = [0; 64];
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
