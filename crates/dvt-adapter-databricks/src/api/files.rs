//! Files in a volume. Source: REST API reference, "Files": `/api/2.0/fs/files` and `/api/2.0/fs/directories`.

use super::{Api, Body, Failure, Repeat};
use bytes::Bytes;
use dvt_adapter::AdapterError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;

/// What a path keeps as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Api {
    /// Makes a folder, and those above it; one that is there is no error.
    pub(crate) async fn make_folder(&self, path: &str) -> Result<(), AdapterError> {
        self.volume(Method::PUT, "directories", path, "", Body::None).await
    }

    /// Writes a whole file. Writing it twice leaves the same file.
    pub(crate) async fn upload(&self, path: &str, content: &Bytes) -> Result<(), AdapterError> {
        self.volume(Method::PUT, "files", path, "?overwrite=true", Body::Bytes(content)).await
    }

    /// Removes a file; one that is not there is no error.
    pub(crate) async fn remove_file(&self, path: &str) -> Result<(), AdapterError> {
        self.volume(Method::DELETE, "files", path, "", Body::None).await
    }

    /// Removes an empty folder.
    pub(crate) async fn remove_folder(&self, path: &str) -> Result<(), AdapterError> {
        self.volume(Method::DELETE, "directories", path, "", Body::None).await
    }

    async fn volume(
        &self,
        method: Method,
        kind: &str,
        path: &str,
        query: &str,
        body: Body<'_>,
    ) -> Result<(), AdapterError> {
        let is_removal = method == Method::DELETE;
        let address = format!("/api/2.0/fs/{kind}{}{query}", utf8_percent_encode(path, PATH));
        match self.send(method, &address, body, Repeat::Safe).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(error)) if is_removal && error.code.as_deref() == Some("NOT_FOUND") => Ok(()),
            Err(failure) => {
                let error = failure.into_error();
                let message = format!("volume `{path}`: {}", error.message);
                let hint =
                    "`volume` of this output has to be there, and who logs in needs READ VOLUME and WRITE VOLUME on it";
                Err(AdapterError { message, hint: error.hint.or_else(|| Some(hint.to_owned())), ..error })
            }
        }
    }
}
