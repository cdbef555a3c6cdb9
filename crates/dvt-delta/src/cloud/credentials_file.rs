//! A profile of `~/.aws/credentials` and `~/.aws/config`.
//!
//! Source: AWS's "Configuration and credential file settings". Only static keys are read; a profile that starts a program
//! or a login is refused by name, because dvt does neither.

use object_store::aws::AmazonS3ConfigKey;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings that need more than the files.
const REFUSED: [&str; 4] = ["credential_process", "sso_session", "sso_start_url", "role_arn"];

/// What a profile says, as settings of the client.
pub(super) fn profile_settings(
    profile: &str,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<(AmazonS3ConfigKey, String)>, String> {
    let home = environment.get("HOME").map(PathBuf::from).unwrap_or_default();
    let file = |variable: &str, name: &str| {
        environment.get(variable).map_or_else(|| home.join(".aws").join(name), PathBuf::from)
    };
    let (credentials, config) = (file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), file("AWS_CONFIG_FILE", "config"));
    let read = |path: &PathBuf| std::fs::read_to_string(path).unwrap_or_default();
    let mut values = section(&read(&config), &format!("profile {profile}"));
    if profile == "default" {
        values.extend(section(&read(&config), "default"));
    }
    values.extend(section(&read(&credentials), profile));
    if values.is_empty() {
        return Err(format!(
            "profile `{profile}` is neither in `{}` nor in `{}`",
            credentials.display(),
            config.display()
        ));
    }
    let mut settings = Vec::new();
    for (name, key) in [
        ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
        ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
        ("aws_session_token", AmazonS3ConfigKey::Token),
        ("region", AmazonS3ConfigKey::Region),
        ("endpoint_url", AmazonS3ConfigKey::Endpoint),
    ] {
        if let Some(value) = values.get(name) {
            settings.push((key, value.clone()));
        }
    }
    if !values.contains_key("aws_access_key_id")
        && let Some(refused) = REFUSED.iter().find(|key| values.contains_key(**key))
    {
        return Err(format!(
            "profile `{profile}` has `{refused}`, which dvt does not follow; put the keys that your own tool prints into \
             the environment"
        ));
    }
    Ok(settings)
}

/// The keys of one section of an INI file.
fn section(text: &str, wanted: &str) -> BTreeMap<String, String> {
    let mut is_in = false;
    let mut values = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_in = name.split_whitespace().collect::<Vec<_>>().join(" ") == wanted;
        } else if is_in && let Some((key, value)) = line.split_once('=') {
            values.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    values
}
