//! TLS as the profile asks for it, always with the aws-lc provider chosen by hand.
//!
//! Source: MySQL manual, "Command Options for Encrypted Connections": `preferred` and `required` encrypt without asking
//! who the server is, `verify_ca` checks the chain, `verify_identity` the name as well.

use super::ClientError;
use super::wire::Stream;
use crate::profile::{TlsMode, TlsSettings};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// Turns the stream into an encrypted one.
pub(crate) async fn encrypt(
    stream: Box<dyn Stream>,
    host: &str,
    settings: &TlsSettings,
) -> Result<Box<dyn Stream>, ClientError> {
    let config = client_config(settings)?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| ClientError::Tls(format!("`{host}` is no name that a certificate can hold")))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| ClientError::Tls(error.to_string()))?;
    Ok(Box::new(stream))
}

fn client_config(settings: &TlsSettings) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match settings.mode {
        TlsMode::Disabled | TlsMode::Preferred | TlsMode::Required => Arc::new(Unchecked(provider.clone())),
        TlsMode::VerifyCa | TlsMode::VerifyIdentity => {
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(settings)?), provider.clone())
                .build()
                .map_err(|error| ClientError::Tls(error.to_string()))?;
            if settings.mode == TlsMode::VerifyCa { Arc::new(AnyName(verifier)) } else { verifier }
        }
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match (&settings.cert, &settings.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "ssl_cert")?;
            let key =
                PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("ssl_key", key, &error.to_string()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| ClientError::Tls(format!("`ssl_cert` and `ssl_key` do not work together: {error}")))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// The authority of `ssl_ca`, or those the machine trusts.
fn roots(settings: &TlsSettings) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    match &settings.ca {
        Some(path) => {
            for certificate in certificates(path, "ssl_ca")? {
                roots.add(certificate).map_err(|error| unreadable("ssl_ca", path, &error.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(ClientError::Tls(
            "no certificate authority is known on this machine; name one with `ssl_ca`".to_owned(),
        ));
    }
    Ok(roots)
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(key, path, &error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(key, path, "it holds no certificate in PEM form"));
    }
    Ok(certificates)
}

fn unreadable(key: &str, path: &Path, why: &str) -> ClientError {
    ClientError::Tls(format!("`{key}` ({}) cannot be used: {why}", path.display()))
}

/// Takes any certificate; signatures are still checked, so that the channel is what it claims to be.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the chain, but takes a certificate of another name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.0.verify_server_cert(certificate, chain, name, stapled, now) {
            // The name is looked at last, when the chain has proved to be good.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
