//! Whether a bucket can be used: an object is written, read and deleted, and each failure has a reason and a next step.

use dvt_delta::{DeltaError, Store};

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFailure {
    pub reason: String,
    pub next_step: String,
}

pub(crate) async fn probe(store: &Store) -> Result<(), ProbeFailure> {
    let place = store.table(&["probe"]);
    let name = format!("_dvt-probe-{}", std::process::id());
    let text = "dvt debug";
    place.put_mark(&name, text).await.map_err(|error| failure("written", &error))?;
    let read = place.read_mark(&name).await;
    // Also after a failed read: nothing of a probe is left.
    let removed = place.remove_mark(&name).await;
    match read.map_err(|error| failure("read", &error))? {
        Some(found) if found == text => {}
        Some(_) => {
            return Err(ProbeFailure {
                reason: "an object came back with other content than was written".to_owned(),
                next_step: "check what stands between dvt and the bucket".to_owned(),
            });
        }
        None => {
            return Err(ProbeFailure {
                reason: "an object that was written is not there when it is read".to_owned(),
                next_step: "use a bucket that is consistent; check for a life-cycle rule that deletes at once"
                    .to_owned(),
            });
        }
    }
    removed.map_err(|error| failure("deleted", &error))
}

/// The service's own words decide what to do about it.
fn failure(what: &str, error: &DeltaError) -> ProbeFailure {
    let words = words_of(error);
    let lower = words.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    let next_step = if has("requesttimetooskewed") || has("skew") {
        "set this machine's clock: it differs from the service's by more than the service accepts"
    } else if has("invalidaccesskeyid") || has("signaturedoesnotmatch") || has("authenticationfailed") {
        "check the key and its secret: the service does not know them, or they do not belong together"
    } else if has("expiredtoken") || has("token has expired") || has("invalidtoken") {
        "renew the session's token: it has expired"
    } else if has("permanentredirect") || has("authorizationheadermalformed") || has("wrong region") || has(" 301 ") {
        "check `region`: the bucket lies in another one"
    } else if has("nosuchbucket") || has("containernotfound") || has("bucket not found") || has("does not exist") {
        "check the bucket's name, or make it: dvt makes none"
    } else if has("accessdenied") || has(" 403 ") || has("forbidden") || has("permission") {
        match what {
            "written" => "ask for the right to write below the prefix (PutObject)",
            "read" => "ask for the right to read below the prefix (GetObject)",
            _ => "ask for the right to delete below the prefix (DeleteObject)",
        }
    } else if has("dns") || has("name or service not known") || has("failed to lookup") {
        "check `endpoint` and the name service: the host's name is not known"
    } else if has("certificate") || has("tls") {
        "check the endpoint's certificate: it is not trusted, or has expired"
    } else if has("proxy") {
        "check the proxy of the environment (HTTPS_PROXY, NO_PROXY)"
    } else if has("connect") || has("timed out") || has("timeout") {
        "check `endpoint`, the network and the proxy: nothing answers"
    } else if has("metadata") || has("169.254.169.254") || has("credential") {
        "give keys, a profile or a role: none was found"
    } else {
        "try the same with the service's own tool"
    };
    ProbeFailure { reason: format!("an object cannot be {what}: {words}"), next_step: next_step.to_owned() }
}

/// The messages of the whole chain in one line, each once.
fn words_of(error: &DeltaError) -> String {
    let mut words = error.message.clone();
    let mut cause = error.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    while let Some(next) = cause {
        let text = next.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = next.source();
    }
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
