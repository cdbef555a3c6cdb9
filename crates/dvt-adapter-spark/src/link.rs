//! The way to the server: opened once, when somebody first needs it, and again when the server has gone.

use crate::errors;
use crate::profile::{Place, Settings};
use dvt_adapter::{AdapterError, ErrorClass};
use dvt_spark::{Server, Session, SparkFailure, SparkSettings};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long a server that nobody answered at is not asked again: nodes do not wait one after the other.
const SILENCE_LASTS: Duration = Duration::from_secs(60);

/// Shared by everything that talks to one connection.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) settings: Arc<Settings>,
    known: Arc<tokio::sync::Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    session: Option<Arc<Session>>,
    silence: Option<(Instant, SparkFailure)>,
}

impl Link {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), known: Arc::default() }
    }

    /// The session that extracts, loads and questions share.
    ///
    /// # Errors
    /// Nobody answers, or the output says another protocol.
    pub(crate) async fn session(&self) -> Result<Arc<Session>, AdapterError> {
        let settings = match &self.settings.place {
            Place::Connect(settings) => settings,
            Place::Elsewhere { message, hint } => {
                return Err(AdapterError::new(ErrorClass::Configuration, &self.settings.connection, message)
                    .with_hint(hint.clone()));
            }
        };
        let mut known = self.known.lock().await;
        if let Some((since, failure)) = &known.silence
            && since.elapsed() < SILENCE_LASTS
        {
            return Err(errors::of_opening(&self.settings, failure));
        }
        if let Some(session) = &known.session {
            let ended = match &session.server {
                Some(server) => server.ended(false).await,
                None => None,
            };
            match ended {
                None => return Ok(Arc::clone(session)),
                Some(ended) => tracing::warn!(%ended, "starting Spark again"),
            }
        }
        *known = Known::default();
        match self.open(settings).await {
            Ok(session) => {
                let session = Arc::new(session);
                known.session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(failure) => {
                let error = errors::of_opening(&self.settings, &failure);
                if matches!(failure, SparkFailure::Unreachable { is_silent: true, .. }) {
                    known.silence = Some((Instant::now(), failure));
                }
                Err(error)
            }
        }
    }

    async fn open(&self, settings: &SparkSettings) -> Result<Session, SparkFailure> {
        let mut attempt = 0;
        loop {
            let opened = open_once(settings.clone()).await;
            let failure = match opened {
                Ok(session) => {
                    session.configure(self.settings.session_settings.clone()).await?;
                    return Ok(session);
                }
                Err(failure) => failure,
            };
            if attempt >= self.settings.connect_retries || !matches!(failure, SparkFailure::Unreachable { .. }) {
                return Err(failure);
            }
            attempt += 1;
            tracing::debug!(%failure, attempt, "Spark is called again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// A session of its own, with the output's settings: what is set in it, or viewed for a moment, is nobody else's.
    pub(crate) async fn own_session(&self) -> Result<Session, AdapterError> {
        let own = self.session().await?.another();
        own.configure(self.settings.session_settings.clone())
            .await
            .map_err(|failure| errors::of_opening(&self.settings, &failure))?;
        Ok(own)
    }

    pub(crate) fn cancelled(&self) -> AdapterError {
        AdapterError::new(ErrorClass::Cancelled, &self.settings.connection, "cancelled")
    }
}

/// On a stack of its own: the callers' futures are deep, and so is what a connection is made of.
async fn open_once(settings: SparkSettings) -> Result<Session, SparkFailure> {
    let mut opened = Opening(tokio::spawn(async move {
        match &settings.remote {
            Some(remote) => Session::open(remote, None, settings.connect_timeout).await,
            None => Ok(Server::start(&settings).await?.1),
        }
    }));
    (&mut opened.0).await.map_err(|error| SparkFailure::Answer { message: error.to_string() })?
}

/// Dropped before its end, what was started for it is stopped.
struct Opening(tokio::task::JoinHandle<Result<Session, SparkFailure>>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}
