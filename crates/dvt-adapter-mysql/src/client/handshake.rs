//! Opening a connection: greeting, TLS, authentication.
//! Source: MySQL manual, "Connection Phase" of the client/server protocol.

use super::auth::{Plugin, encrypt_for, terminated};
use super::wire::{Pieces, Stream, Wire, put_sized};
use super::{Client, ClientError, tls};
use crate::profile::{Settings, TlsMode};
use tokio::net::{TcpStream, UnixStream};

/// Capability flags. Source: MySQL manual, "Capabilities Flags".
mod capability {
    pub(super) const LONG_PASSWORD: u32 = 1;
    pub(super) const LONG_FLAG: u32 = 1 << 2;
    pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
    pub(super) const LOCAL_FILES: u32 = 1 << 7;
    pub(super) const PROTOCOL_41: u32 = 1 << 9;
    pub(super) const SSL: u32 = 1 << 11;
    pub(super) const TRANSACTIONS: u32 = 1 << 13;
    pub(super) const SECURE_CONNECTION: u32 = 1 << 15;
    pub(super) const MULTI_STATEMENTS: u32 = 1 << 16;
    pub(super) const MULTI_RESULTS: u32 = 1 << 17;
    pub(super) const PS_MULTI_RESULTS: u32 = 1 << 18;
    pub(super) const PLUGIN_AUTH: u32 = 1 << 19;
    pub(super) const CONNECT_ATTRS: u32 = 1 << 20;
    pub(super) const DEPRECATE_EOF: u32 = 1 << 24;
}

const UTF8MB4_GENERAL_CI: u8 = 45;
const LARGEST_PACKET: u32 = 1 << 30;

struct Greeting {
    version: String,
    connection_id: u32,
    capabilities: u32,
    nonce: Vec<u8>,
    plugin: Plugin,
}

impl Greeting {
    fn parse(payload: &[u8]) -> Option<Self> {
        let mut pieces = Pieces(payload);
        if pieces.u8()? != 10 {
            return None;
        }
        let version = String::from_utf8_lossy(pieces.terminated()?).into_owned();
        let connection_id = pieces.u32()?;
        let mut nonce = pieces.take(8)?.to_vec();
        pieces.take(1)?;
        let low = pieces.u16()?;
        // Character set and status.
        pieces.take(3)?;
        let high = pieces.u16()?;
        let nonce_length = usize::from(pieces.u8()?);
        pieces.take(10)?;
        let rest = pieces.take(nonce_length.saturating_sub(8).max(13))?;
        nonce.extend_from_slice(rest);
        nonce.truncate(20);
        let plugin = pieces.terminated().unwrap_or(pieces.0);
        Some(Self {
            version,
            connection_id,
            capabilities: u32::from(low) | u32::from(high) << 16,
            nonce,
            plugin: Plugin::of_name(&String::from_utf8_lossy(plugin)),
        })
    }
}

/// Opens a connection and logs in. Session settings are not made here.
pub(super) async fn connect(settings: &Settings, with_schema: bool) -> Result<Client, ClientError> {
    let is_socket = settings.unix_socket.is_some();
    let stream: Box<dyn Stream> = match &settings.unix_socket {
        Some(path) => Box::new(UnixStream::connect(path).await.map_err(ClientError::Connect)?),
        None => {
            let stream =
                TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(ClientError::Connect)?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    };
    let mut wire = Wire::new(stream);
    let packet = wire.read_packet().await?;
    let payload = wire.bytes(&packet);
    if payload.first() == Some(&0xff) {
        return Err(ClientError::of_packet(payload));
    }
    let greeting = Greeting::parse(payload)
        .ok_or_else(|| ClientError::Protocol("the greeting is not that of a MySQL server".to_owned()))?;

    let mut capabilities = capability::LONG_PASSWORD
        | capability::LONG_FLAG
        | capability::LOCAL_FILES
        | capability::PROTOCOL_41
        | capability::TRANSACTIONS
        | capability::SECURE_CONNECTION
        | capability::MULTI_STATEMENTS
        | capability::MULTI_RESULTS
        | capability::PS_MULTI_RESULTS
        | capability::PLUGIN_AUTH
        | capability::CONNECT_ATTRS
        | capability::DEPRECATE_EOF;
    capabilities &= greeting.capabilities;
    if capabilities & capability::PROTOCOL_41 == 0 {
        return Err(ClientError::Protocol(format!("the server's version {} is too old", greeting.version)));
    }
    if with_schema {
        capabilities |= capability::CONNECT_WITH_DB;
    }
    let offers_tls = greeting.capabilities & capability::SSL != 0;
    let mode = settings.tls.mode;
    // A socket is as private as the machine; nothing is gained by encrypting it, unless a proof is asked for.
    let wants_tls = mode >= TlsMode::Required || (mode == TlsMode::Preferred && offers_tls && !is_socket);
    if wants_tls && !offers_tls {
        return Err(ClientError::Tls("the server does not offer TLS, and `sslmode` asks for it".to_owned()));
    }
    if wants_tls {
        capabilities |= capability::SSL;
        wire.write_packet(&response_head(capabilities)).await?;
        wire.flush().await?;
        let (stream, sequence) = wire.into_stream()?;
        wire = Wire::new(tls::encrypt(stream, &settings.host, &settings.tls).await?).with_sequence(sequence);
    }

    let password = settings.password.as_ref().map_or("", |password| password.expose());
    let is_secure = wants_tls || is_socket;
    // A plugin that the server merely prefers may not be the account's; it asks for the right one afterwards.
    let plugin = match greeting.plugin {
        plugin @ (Plugin::Native | Plugin::CachingSha2) => plugin,
        _ => Plugin::Native,
    };
    let answer = plugin.answer(password, &greeting.nonce, is_secure)?;
    let mut response = response_head(capabilities);
    response.extend_from_slice(settings.user.as_bytes());
    response.push(0);
    response.push(answer.len() as u8);
    response.extend_from_slice(&answer);
    if with_schema {
        response.extend_from_slice(settings.schema.as_bytes());
        response.push(0);
    }
    if capabilities & capability::PLUGIN_AUTH != 0 {
        response.extend_from_slice(plugin.name().as_bytes());
        response.push(0);
    }
    if capabilities & capability::CONNECT_ATTRS != 0 {
        let mut attributes = Vec::new();
        for (name, value) in [("_client_name", "dvt"), ("program_name", "dvt")] {
            put_sized(&mut attributes, name.as_bytes());
            put_sized(&mut attributes, value.as_bytes());
        }
        put_sized(&mut response, &attributes);
    }
    wire.write_packet(&response).await?;
    wire.flush().await?;
    authenticate(&mut wire, plugin, greeting.nonce, password, is_secure).await?;
    Ok(Client {
        wire,
        connection_id: greeting.connection_id,
        is_mariadb: greeting.version.to_lowercase().contains("mariadb"),
        deprecates_eof: capabilities & capability::DEPRECATE_EOF != 0,
        is_broken: false,
        status: 0,
    })
}

/// The part that the TLS request and the login have in common.
fn response_head(capabilities: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(128);
    head.extend_from_slice(&capabilities.to_le_bytes());
    head.extend_from_slice(&LARGEST_PACKET.to_le_bytes());
    head.push(UTF8MB4_GENERAL_CI);
    head.extend_from_slice(&[0; 23]);
    head
}

async fn authenticate(
    wire: &mut Wire,
    mut plugin: Plugin,
    mut nonce: Vec<u8>,
    password: &str,
    is_secure: bool,
) -> Result<(), ClientError> {
    let mut has_switched = false;
    loop {
        let packet = wire.read_packet().await?;
        let payload = wire.bytes(&packet).to_vec();
        match payload.as_slice() {
            [0x00, ..] => return Ok(()),
            [0xff, ..] => return Err(ClientError::of_packet(&payload)),
            [0xfe, request @ ..] if !has_switched => {
                has_switched = true;
                let mut pieces = Pieces(request);
                let name = pieces
                    .terminated()
                    .ok_or_else(|| ClientError::Authentication("the account uses pre-4.1 passwords".to_owned()))?;
                plugin = Plugin::of_name(&String::from_utf8_lossy(name));
                nonce = pieces.0.strip_suffix(&[0]).unwrap_or(pieces.0).to_vec();
                let answer = plugin.answer(password, &nonce, is_secure)?;
                wire.write_packet(&answer).await?;
                wire.flush().await?;
            }
            // The server knows the password's hash from before.
            [0x01, 0x03] if plugin == Plugin::CachingSha2 => {}
            // It does not: it wants the password itself, over a channel nobody can read.
            [0x01, 0x04] if plugin == Plugin::CachingSha2 => {
                if is_secure {
                    wire.write_packet(&terminated(password)).await?;
                } else {
                    wire.write_packet(&[0x02]).await?;
                    wire.flush().await?;
                    let packet = wire.read_packet().await?;
                    let key = match wire.bytes(&packet) {
                        [0x01, key @ ..] => key.to_vec(),
                        error @ [0xff, ..] => return Err(ClientError::of_packet(error)),
                        _ => return Err(unexpected()),
                    };
                    wire.write_packet(&encrypt_for(&key, password, &nonce)?).await?;
                }
                wire.flush().await?;
            }
            _ => return Err(unexpected()),
        }
    }
}

fn unexpected() -> ClientError {
    ClientError::Protocol("an unexpected packet came while logging in".to_owned())
}
