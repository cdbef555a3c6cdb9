//! Answers to the server's authentication plugins.
//!
//! Source: MySQL manual, "Native Authentication", "Caching SHA-2 Pluggable Authentication"; MariaDB knowledge base,
//! "Authentication Plugin". MariaDB's `client_ed25519` and `parsec` are refused by name.

use super::ClientError;
use aws_lc_rs::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plugin {
    Native,
    CachingSha2,
    Clear,
    /// MariaDB's unix_socket and MySQL's auth_socket: the server asks the operating system, the answer is empty.
    Socket,
    Other(String),
}

impl Plugin {
    pub(crate) fn of_name(name: &str) -> Self {
        match name {
            "mysql_native_password" => Self::Native,
            "caching_sha2_password" => Self::CachingSha2,
            "mysql_clear_password" => Self::Clear,
            "auth_socket" | "unix_socket" => Self::Socket,
            other => Self::Other(other.to_owned()),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Clear => "mysql_clear_password",
            Self::Socket => "auth_socket",
            Self::Other(name) => name,
        }
    }

    /// The answer to the server's challenge. An empty password is answered by nothing.
    pub(crate) fn answer(&self, password: &str, nonce: &[u8], is_secure: bool) -> Result<Vec<u8>, ClientError> {
        match self {
            Self::Socket => Ok(Vec::new()),
            Self::Native | Self::CachingSha2 if password.is_empty() => Ok(Vec::new()),
            Self::Native => Ok(native(password.as_bytes(), nonce)),
            Self::CachingSha2 => Ok(caching_sha2(password.as_bytes(), nonce)),
            Self::Clear if is_secure => Ok(terminated(password)),
            Self::Clear => Err(ClientError::Authentication(
                "the server asks for the password in clear text, which dvt sends only over TLS or a socket".to_owned(),
            )),
            Self::Other(name) => Err(ClientError::Authentication(format!(
                "the account uses the authentication plugin `{name}`, which dvt does not speak; \
                 `caching_sha2_password` and `mysql_native_password` work"
            ))),
        }
    }
}

pub(crate) fn terminated(password: &str) -> Vec<u8> {
    let mut bytes = password.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// The password for the server's public key (PEM), mixed with the nonce first.
pub(crate) fn encrypt_for(public_key: &[u8], password: &str, nonce: &[u8]) -> Result<Vec<u8>, ClientError> {
    let broken = || ClientError::Authentication("the server's public key cannot be used".to_owned());
    let key = SubjectPublicKeyInfoDer::from_pem_slice(public_key).map_err(|_| broken())?;
    let key = PublicEncryptingKey::from_der(key.as_ref()).map_err(|_| broken())?;
    let key = OaepPublicEncryptingKey::new(key).map_err(|_| broken())?;
    let mut mixed = terminated(password);
    if nonce.is_empty() {
        return Err(broken());
    }
    for (byte, noise) in mixed.iter_mut().zip(nonce.iter().cycle()) {
        *byte ^= noise;
    }
    let mut encrypted = vec![0; key.ciphertext_size()];
    let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, &mixed, &mut encrypted, None).map_err(|_| broken())?.len();
    encrypted.truncate(length);
    Ok(encrypted)
}

/// SHA1(password) XOR SHA1(nonce + SHA1(SHA1(password)))
fn native(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let first = sha1(password);
    let mut salted = nonce.to_vec();
    salted.extend_from_slice(sha1(first.as_ref()).as_ref());
    exclusive_or(&first, &sha1(&salted))
}

/// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + nonce)
fn caching_sha2(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let sha256 = |bytes: &[u8]| digest(&SHA256, bytes);
    let first = sha256(password);
    let mut salted = sha256(sha256(password).as_ref()).as_ref().to_vec();
    salted.extend_from_slice(nonce);
    exclusive_or(&first, &sha256(&salted))
}

fn exclusive_or(left: &Digest, right: &Digest) -> Vec<u8> {
    left.as_ref().iter().zip(right.as_ref()).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests {
    use super::{Plugin, encrypt_for};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The values are the formulas of the manual, computed with Python's hashlib.
    #[test]
    fn answers_follow_the_formulas() {
        let nonce = b"12345678901234567890";
        let answer = |plugin: Plugin| hex(&plugin.answer("secret", nonce, false).unwrap());
        assert_eq!(answer(Plugin::Native), "0f8b9033e0897c0a8338ebe3dea9010dda47ab56");
        assert_eq!(answer(Plugin::CachingSha2), "51ecd6dedbd34d5445c0a190d4f51acf0d23b94db66c91f3f789faa9193751cd");
        assert!(Plugin::CachingSha2.answer("", nonce, false).unwrap().is_empty());
        assert!(Plugin::Clear.answer("secret", nonce, false).is_err());
        assert_eq!(Plugin::Clear.answer("secret", nonce, true).unwrap(), b"secret\0");
        let refused = Plugin::of_name("client_ed25519").answer("secret", nonce, true).unwrap_err().to_string();
        assert!(refused.contains("client_ed25519"), "{refused}");
        assert!(encrypt_for(b"no key", "secret", nonce).is_err());
    }
    #[test]
    fn a_password_goes_encrypted_for_the_servers_key() {
        use aws_lc_rs::encoding::AsDer;
        use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let public_key = AsDer::as_der(&key.public_key()).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(public_key.as_ref()));
        let encrypted = encrypt_for(pem.as_bytes(), "secret", b"1234").unwrap();
        let key = OaepPrivateDecryptingKey::new(key).unwrap();
        let mut mixed = vec![0; key.min_output_size()];
        let mixed = key.decrypt(&OAEP_SHA1_MGF1SHA1, &encrypted, &mut mixed, None).unwrap();
        let plain: Vec<u8> = mixed.iter().zip(b"1234".iter().cycle()).map(|(byte, noise)| byte ^ noise).collect();
        assert_eq!(plain, b"secret\0");
    }

    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let number =
                chunk.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let digit = DIGITS[(number >> (18 - 6 * place)) as usize & 63];
                text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
            }
        }
        text
    }
}
