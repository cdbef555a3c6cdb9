//! TLS as `sslmode` asks, over rustls with the aws-lc provider.
//!
//! `require` encrypts and checks nothing, `verify-ca` checks that a known authority signed the certificate, `verify-full`
//! also that it names the host. As in libpq, `require` with `sslrootcert` means `verify-ca`.
//! Source: PostgreSQL manual, "SSL Support" of libpq. Different: without `sslrootcert` the system's authorities are used
//! instead of `~/.postgresql/root.crt`.

use crate::settings::{TlsMode, TlsSettings};
use crate::tap::{Ear, Tap};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::tls::TlsConnect;
use tokio_rustls::TlsConnector;

/// The handshake failed, or a file it needs cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TlsFailure(pub(crate) String);

/// The client side's configuration; reads the certificate files.
pub(crate) fn client_config(settings: &TlsSettings) -> Result<Arc<ClientConfig>, TlsFailure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFailure(error.to_string()))?;
    let has_root = settings.root_certificate.is_some();
    let builder = match settings.mode {
        TlsMode::VerifyFull => builder.with_root_certificates(roots(settings)?),
        TlsMode::VerifyCa => dangerous(builder, Check::Authority(roots(settings)?), provider),
        TlsMode::Require if has_root => dangerous(builder, Check::Authority(roots(settings)?), provider),
        _ => dangerous(builder, Check::Nothing, provider),
    };
    let config = match (&settings.certificate, &settings.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unreadable(certificate, &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn dangerous(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>,
    check: Check,
    provider: Arc<CryptoProvider>,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    builder.dangerous().with_custom_certificate_verifier(Arc::new(PartialVerifier { check, provider }))
}

fn roots(settings: &TlsSettings) -> Result<RootCertStore, TlsFailure> {
    let mut roots = RootCertStore::empty();
    match &settings.root_certificate {
        Some(path) if path.as_os_str() != "system" => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unreadable(path, &error))?;
            }
        }
        _ => {
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
        }
    }
    if roots.is_empty() {
        return Err(TlsFailure("no certificate authority is known: give `sslrootcert`".to_owned()));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFailure> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?.collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsFailure(format!("{} holds no certificate", path.display())))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> TlsFailure {
    TlsFailure(format!("{} cannot be used: {error}", path.display()))
}

#[derive(Debug)]
enum Check {
    Nothing,
    Authority(RootCertStore),
}

/// Checks less than rustls would, because the user asked for less; signatures are checked always.
#[derive(Debug)]
struct PartialVerifier {
    check: Check,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PartialVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Check::Authority(roots) = &self.check {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The handshake that the driver asks for; what comes out is listened to.
pub(crate) struct Handshake {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) host: String,
    pub(crate) ear: Ear,
}

impl<S> TlsConnect<S> for Handshake
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Tap<tokio_rustls::client::TlsStream<S>>;
    type Error = TlsFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, TlsFailure>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let name = ServerName::try_from(self.host.clone())
                .map_err(|_| TlsFailure(format!("`{}` is no host name a certificate can be for", self.host)))?;
            let connected = TlsConnector::from(self.config).connect(name, stream).await;
            let stream =
                connected.map_err(|error| TlsFailure(format!("TLS handshake with `{}`: {error}", self.host)))?;
            Ok(Tap::new(stream, self.ear))
        })
    }
}
