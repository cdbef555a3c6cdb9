//! Certificates for tests, made with the `openssl` program when a server starts.

use crate::server::{StartError, run_program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// PEM files. The server's certificate is for the host name `localhost` and for no address, so `127.0.0.1` is a host that
/// does not match.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority that signed `server_certificate` and `client_certificate`.
    pub authority: PathBuf,
    /// An authority that signed neither.
    pub other_authority: PathBuf,
    pub server_certificate: PathBuf,
    pub server_key: PathBuf,
    /// For the user `dvt_certificate`, who logs in with it and no password.
    pub client_certificate: PathBuf,
    pub client_key: PathBuf,
}

impl Certificates {
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            authority: folder.join("authority.crt"),
            other_authority: folder.join("other-authority.crt"),
            server_certificate: folder.join("server.crt"),
            server_key: folder.join("server.key"),
            client_certificate: folder.join("client.crt"),
            client_key: folder.join("client.key"),
        }
    }

    pub(crate) fn generate(folder: &Path) -> Result<Self, StartError> {
        fs::create_dir_all(folder).map_err(|cause| StartError::file(folder, cause))?;
        let files = Self::at(folder);
        let authority_key = folder.join("authority.key");
        self_signed(&authority_key, &files.authority, "dvt test authority")?;
        self_signed(&folder.join("other-authority.key"), &files.other_authority, "another test authority")?;
        signed(
            &files.authority,
            &authority_key,
            &files.server_key,
            &files.server_certificate,
            "localhost",
            "serverAuth",
        )?;
        let client = (&files.client_key, &files.client_certificate);
        signed(&files.authority, &authority_key, client.0, client.1, "dvt_certificate", "clientAuth")?;
        Ok(files)
    }
}

const EC_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn self_signed(key: &Path, certificate: &Path, name: &str) -> Result<(), StartError> {
    run_program(
        Command::new("openssl")
            .args(["req", "-x509", "-days", "30", "-subj"])
            .arg(format!("/CN={name}"))
            .args(EC_KEY)
            .arg("-keyout")
            .arg(key)
            .arg("-out")
            .arg(certificate)
            .args(["-addext", "basicConstraints=critical,CA:TRUE"])
            .args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]),
    )
    .map(drop)
}

fn signed(
    authority: &Path,
    authority_key: &Path,
    key: &Path,
    certificate: &Path,
    name: &str,
    usage: &str,
) -> Result<(), StartError> {
    let request = certificate.with_extension("csr");
    let extensions = certificate.with_extension("ext");
    run_program(
        Command::new("openssl")
            .args(["req", "-subj"])
            .arg(format!("/CN={name}"))
            .args(EC_KEY)
            .arg("-keyout")
            .arg(key)
            .arg("-out")
            .arg(&request),
    )?;
    let text =
        format!("basicConstraints=CA:FALSE\nsubjectAltName=DNS:{}\nextendedKeyUsage={usage}\n", name.replace('_', "-"));
    fs::write(&extensions, text).map_err(|cause| StartError::file(&extensions, cause))?;
    run_program(
        Command::new("openssl")
            .args(["x509", "-req", "-days", "30", "-CAcreateserial", "-in"])
            .arg(&request)
            .arg("-CA")
            .arg(authority)
            .arg("-CAkey")
            .arg(authority_key)
            .arg("-out")
            .arg(certificate)
            .arg("-extfile")
            .arg(&extensions),
    )
    .map(drop)
}
