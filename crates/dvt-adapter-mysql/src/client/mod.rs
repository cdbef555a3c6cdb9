//! A client for the MySQL protocol: one connection, one command at a time.
//!
//! Rows are decoded where they lie in the read buffer, which is why this is our own client and not a library's: the
//! libraries allocate per row or per value, and parse `:name` in statements, which changes SQL they do not understand.
//! Source: MySQL manual, "Client/Server Protocol"; MariaDB knowledge base, "Clients & Utilities: protocol".

mod auth;
mod columns;
mod handshake;
mod tls;
mod wire;

pub(crate) use columns::{BINARY_CHARSET, Column, code, flag};
pub(crate) use wire::{Packet, Pieces, put_sized};

use crate::profile::Settings;
use futures::{Stream, StreamExt};
use wire::Wire;

/// Commands. Source: MySQL manual, "Command Phase".
mod command {
    pub(super) const QUIT: u8 = 0x01;
    pub(super) const QUERY: u8 = 0x03;
    pub(super) const STMT_PREPARE: u8 = 0x16;
    pub(super) const STMT_EXECUTE: u8 = 0x17;
    pub(super) const STMT_CLOSE: u8 = 0x19;
    pub(super) const RESET_CONNECTION: u8 = 0x1f;
}

const STATUS_IN_TRANSACTION: u16 = 0x0001;
const STATUS_MORE_RESULTS: u16 = 0x0008;

#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("{0}")]
    Connect(#[source] std::io::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{message}")]
    Server { errno: u16, sqlstate: String, message: String },
    #[error("{0}")]
    Authentication(String),
    #[error("{0}")]
    Tls(String),
    #[error("the server's answer cannot be understood: {0}")]
    Protocol(String),
}

impl ClientError {
    /// Reads an error packet.
    fn of_packet(payload: &[u8]) -> Self {
        let mut pieces = Pieces(payload.get(1..).unwrap_or_default());
        let errno = pieces.u16().unwrap_or(0);
        let (sqlstate, message) = match pieces.0 {
            [b'#', rest @ ..] if rest.len() >= 5 => rest.split_at(5),
            rest => (&b"HY000"[..], rest),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self::Server { errno, sqlstate: text(sqlstate), message: text(message) }
    }

    fn cut() -> Self {
        Self::Protocol("a packet is too short".to_owned())
    }

    pub(crate) fn errno(&self) -> Option<u16> {
        match self {
            Self::Server { errno, .. } => Some(*errno),
            _ => None,
        }
    }
}

/// What a statement without rows answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) affected_rows: u64,
    pub(crate) warnings: u16,
}

/// The answer to a statement.
#[derive(Debug)]
pub(crate) enum Answer {
    Done(Done),
    /// Rows follow; read them with [`Client::next_row`].
    Rows(Vec<Column>),
    /// The server asks for the rows of a `LOAD DATA LOCAL`; send them with [`Client::send_infile`].
    Infile,
}

#[derive(Debug)]
pub(crate) struct Statement {
    id: u32,
    pub(crate) columns: Vec<Column>,
    pub(crate) parameters: usize,
}

pub(crate) struct Client {
    wire: Wire,
    connection_id: u32,
    is_mariadb: bool,
    deprecates_eof: bool,
    /// The stream broke, or a result was left in mid-read: of no further use.
    is_broken: bool,
    status: u16,
}

impl Client {
    /// Opens a connection and logs in; `with_schema` makes the profile's schema the current one.
    pub(crate) async fn connect(settings: &Settings, with_schema: bool) -> Result<Self, ClientError> {
        tokio::time::timeout(settings.connect_timeout, handshake::connect(settings, with_schema))
            .await
            .unwrap_or_else(|_| Err(ClientError::Connect(std::io::ErrorKind::TimedOut.into())))
    }

    pub(crate) fn connection_id(&self) -> u32 {
        self.connection_id
    }

    pub(crate) fn is_mariadb(&self) -> bool {
        self.is_mariadb
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    pub(crate) fn in_transaction(&self) -> bool {
        self.status & STATUS_IN_TRANSACTION != 0
    }

    /// More answers of the same text follow; get them with [`Client::next_answer`].
    pub(crate) fn has_more_answers(&self) -> bool {
        self.status & STATUS_MORE_RESULTS != 0
    }

    /// Sends SQL in the text protocol.
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Answer, ClientError> {
        self.is_broken = true;
        self.wire.write_command(command::QUERY, sql.as_bytes()).await?;
        self.next_answer().await
    }

    /// Runs SQL of one or more statements for its effect; rows are read and dropped.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<Done, ClientError> {
        let mut answer = self.query(sql).await?;
        let mut last = Done::default();
        loop {
            match answer {
                Answer::Done(done) => last = done,
                Answer::Rows(_) => while self.next_row().await?.is_some() {},
                Answer::Infile => self.refuse_infile().await?,
            }
            if !self.has_more_answers() {
                return Ok(last);
            }
            answer = self.next_answer().await?;
        }
    }

    /// The rows of a small query, as text.
    pub(crate) async fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ClientError> {
        let Answer::Rows(columns) = self.query(sql).await? else {
            return Err(ClientError::Protocol("rows were expected".to_owned()));
        };
        let mut rows = Vec::new();
        while let Some(packet) = self.next_row().await? {
            let mut pieces = Pieces(self.bytes(&packet));
            let mut row = Vec::with_capacity(columns.len());
            for _ in &columns {
                row.push(text_value(&mut pieces)?.map(|value| String::from_utf8_lossy(value).into_owned()));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    pub(crate) async fn prepare(&mut self, sql: &str) -> Result<Statement, ClientError> {
        self.is_broken = true;
        self.wire.write_command(command::STMT_PREPARE, sql.as_bytes()).await?;
        let packet = self.wire.read_packet().await?;
        let payload = self.wire.bytes(&packet);
        if payload.first() == Some(&0xff) {
            self.is_broken = false;
            return Err(ClientError::of_packet(payload));
        }
        let mut pieces = Pieces(payload.get(1..).unwrap_or_default());
        let (Some(id), Some(columns), Some(parameters)) = (pieces.u32(), pieces.u16(), pieces.u16()) else {
            return Err(ClientError::cut());
        };
        self.read_columns(usize::from(parameters), true).await?;
        let columns = self.read_columns(usize::from(columns), true).await?;
        self.is_broken = false;
        Ok(Statement { id, columns, parameters: usize::from(parameters) })
    }

    /// Runs a prepared statement without parameters; its rows come in the binary protocol.
    pub(crate) async fn execute(&mut self, statement: &Statement) -> Result<Answer, ClientError> {
        self.execute_with(statement, &[]).await
    }

    /// Runs a prepared statement; `parameters` is its null bitmap, types and values as the protocol has them.
    pub(crate) async fn execute_with(
        &mut self,
        statement: &Statement,
        parameters: &[u8],
    ) -> Result<Answer, ClientError> {
        self.is_broken = true;
        let mut body = Vec::with_capacity(9 + parameters.len());
        body.extend_from_slice(&statement.id.to_le_bytes());
        // No cursor, one execution.
        body.push(0);
        body.extend_from_slice(&1u32.to_le_bytes());
        body.extend_from_slice(parameters);
        self.wire.write_command(command::STMT_EXECUTE, &body).await?;
        self.next_answer().await
    }

    /// Frees the statement in the server, which does not answer.
    pub(crate) async fn close(&mut self, statement: Statement) -> Result<(), ClientError> {
        self.wire.write_command(command::STMT_CLOSE, &statement.id.to_le_bytes()).await
    }

    /// The session as after login: no transaction, no temporary tables, no variables.
    pub(crate) async fn reset(&mut self) -> Result<(), ClientError> {
        self.is_broken = true;
        self.wire.write_command(command::RESET_CONNECTION, &[]).await?;
        self.next_answer().await.map(|_| ())
    }

    /// Says goodbye; errors do not matter any more.
    pub(crate) async fn quit(mut self) {
        if !self.is_broken {
            let _ = self.wire.write_command(command::QUIT, &[]).await;
        }
    }

    pub(crate) async fn next_answer(&mut self) -> Result<Answer, ClientError> {
        self.is_broken = true;
        let packet = self.wire.read_packet().await?;
        let payload = self.wire.bytes(&packet);
        match payload.first() {
            Some(0x00) => {
                let done = self.finish(&packet)?;
                Ok(Answer::Done(done))
            }
            Some(0xff) => {
                let error = ClientError::of_packet(payload);
                self.is_broken = false;
                self.status = 0;
                Err(error)
            }
            Some(0xfb) => Ok(Answer::Infile),
            Some(_) => {
                let count = Pieces(payload).length().ok_or_else(ClientError::cut)?;
                let columns = self.read_columns(usize::try_from(count).map_err(|_| ClientError::cut())?, false).await?;
                if !self.deprecates_eof {
                    self.wire.read_packet().await?;
                }
                Ok(Answer::Rows(columns))
            }
            None => Err(ClientError::cut()),
        }
    }

    /// Column definitions; behind those of a prepared statement an older server sends a mark.
    async fn read_columns(&mut self, count: usize, is_marked: bool) -> Result<Vec<Column>, ClientError> {
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let packet = self.wire.read_packet().await?;
            columns.push(Column::parse(self.wire.bytes(&packet)).ok_or_else(ClientError::cut)?);
        }
        if count > 0 && is_marked && !self.deprecates_eof {
            self.wire.read_packet().await?;
        }
        Ok(columns)
    }

    /// The next row's packet, `None` behind the last.
    pub(crate) async fn next_row(&mut self) -> Result<Option<Packet>, ClientError> {
        let packet = self.wire.read_packet().await?;
        self.as_row(packet)
    }

    /// The next row's packet if it has been read already. `Ok(None)`: wait with [`Client::fill`].
    pub(crate) fn buffered_row(&mut self) -> Result<Option<Option<Packet>>, ClientError> {
        match self.wire.take_packet() {
            Some(packet) => self.as_row(packet).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) async fn fill(&mut self) -> Result<(), ClientError> {
        self.wire.fill().await
    }

    pub(crate) fn bytes(&self, packet: &Packet) -> &[u8] {
        self.wire.bytes(packet)
    }

    fn as_row(&mut self, packet: Packet) -> Result<Option<Packet>, ClientError> {
        let payload = self.wire.bytes(&packet);
        let longest_mark = if self.deprecates_eof { 0xff_ffff } else { 9 };
        match payload.first() {
            Some(0xff) => {
                let error = ClientError::of_packet(payload);
                self.is_broken = false;
                self.status = 0;
                Err(error)
            }
            Some(0xfe) if payload.len() < longest_mark => {
                self.finish(&packet)?;
                Ok(None)
            }
            Some(_) => Ok(Some(packet)),
            None => Err(ClientError::cut()),
        }
    }

    /// Reads an OK packet or the mark behind the last row.
    fn finish(&mut self, packet: &Packet) -> Result<Done, ClientError> {
        let payload = self.wire.bytes(packet);
        let mut pieces = Pieces(payload.get(1..).unwrap_or_default());
        let is_old_mark = payload.first() == Some(&0xfe) && !self.deprecates_eof;
        let done = if is_old_mark {
            let warnings = pieces.u16().ok_or_else(ClientError::cut)?;
            Done { affected_rows: 0, warnings }
        } else {
            let affected_rows = pieces.length().ok_or_else(ClientError::cut)?;
            pieces.length().ok_or_else(ClientError::cut)?;
            Done { affected_rows, warnings: 0 }
        };
        let status = pieces.u16().ok_or_else(ClientError::cut)?;
        let warnings = if is_old_mark { done.warnings } else { pieces.u16().unwrap_or(0) };
        self.status = status;
        self.is_broken = false;
        Ok(Done { warnings, ..done })
    }

    /// Sends the rows of a `LOAD DATA LOCAL` and reads the answer.
    ///
    /// An error of the stream is given back in the inner result, after the server has been told that no more comes: what
    /// it has got by then is in the table.
    pub(crate) async fn send_infile<E>(
        &mut self,
        mut data: impl Stream<Item = Result<Vec<u8>, E>> + Unpin,
    ) -> Result<(Result<Answer, ClientError>, Option<E>, u64), ClientError> {
        let mut bytes = 0;
        let mut failure = None;
        while let Some(chunk) = data.next().await {
            match chunk {
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => {
                    bytes += chunk.len() as u64;
                    self.wire.write_packet(&chunk).await?;
                }
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        self.wire.write_packet(&[]).await?;
        self.wire.flush().await?;
        let answer = self.next_answer().await;
        match answer {
            Err(error @ (ClientError::Io(_) | ClientError::Protocol(_))) => Err(error),
            answer => Ok((answer, failure, bytes)),
        }
    }

    /// A statement of the user's asked for a file of this machine: it gets none.
    pub(crate) async fn refuse_infile(&mut self) -> Result<(), ClientError> {
        self.wire.write_packet(&[]).await?;
        self.wire.flush().await?;
        self.next_answer().await?;
        Err(ClientError::Protocol("LOAD DATA LOCAL in a statement is refused: dvt sends no local files".to_owned()))
    }
}

/// One value of a text row.
pub(crate) fn text_value<'a>(pieces: &mut Pieces<'a>) -> Result<Option<&'a [u8]>, ClientError> {
    if let [0xfb, rest @ ..] = pieces.0 {
        pieces.0 = rest;
        return Ok(None);
    }
    pieces.sized().map(Some).ok_or_else(ClientError::cut)
}
