//! `private:` packages: from `organisation/repository` to an address that git understands.
//!
//! The variable `DBT_ENV_PRIVATE_GIT_PROVIDER_INFO` lists addresses with a place for the token and the repository; without
//! it the provider's ordinary SSH address is used.

use crate::PackageError;
use crate::spec::PrivateSpec;
use dvt_diagnostics::Secret;
use serde_json::Value;
use std::collections::BTreeMap;

const VARIABLE: &str = "DBT_ENV_PRIVATE_GIT_PROVIDER_INFO";
/// One provider under three names.
const AZURE: [&str; 3] = ["ado", "azure_devops", "azure_active_directory"];
const PROVIDERS: [&str; 5] = ["github", "gitlab", "azure_active_directory", "azure_devops", "ado"];

/// One entry of the variable.
#[derive(Debug)]
struct Account {
    organisation: String,
    /// With `{token}`, `{repo}`, `{group}` and `{project}` to be filled in.
    url: String,
    token: String,
    provider: String,
}

/// `organisation/group/…/repository`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Name<'a> {
    organisation: &'a str,
    group: &'a str,
    repository: &'a str,
}

/// The tokens in the environment, which no output may show.
#[must_use]
pub fn provider_tokens(env: &BTreeMap<String, String>) -> Vec<Secret> {
    let accounts = accounts(env).unwrap_or_default();
    accounts.into_iter().map(|account| account.token).filter(|token| !token.is_empty()).map(Secret::new).collect()
}

/// The address of a private package's repository.
pub(crate) fn address(spec: &PrivateSpec, env: &BTreeMap<String, String>) -> Result<String, PackageError> {
    let wrong = |reason: String| PackageError::Private { package: spec.private.clone(), reason };
    let accounts = accounts(env).map_err(wrong)?;
    let Some(name) = split_name(&spec.private) else {
        return Err(wrong("it must be written as organisation/repository".to_owned()));
    };
    let provider = spec.provider.as_deref();
    if accounts.is_empty() {
        return ssh_address(&spec.private, provider).map_err(wrong);
    }
    if let Some(provider) = provider
        && !PROVIDERS.contains(&provider)
    {
        return Err(wrong(format!("Invalid provider '{provider}'. Valid providers: {}", PROVIDERS.join(", "))));
    }
    accounts.iter().find_map(|account| account.address(name, provider)).ok_or_else(|| {
        let provider = provider.unwrap_or("None");
        wrong(format!("No matching Git URLs for private definition {} with provider {provider}", spec.private))
    })
}

impl Account {
    /// The filled in address, if this account is the package's.
    fn address(&self, name: Name<'_>, provider: Option<&str>) -> Option<String> {
        let is_azure = |provider: &str| AZURE.contains(&provider);
        let is_same = |one: &str, two: &str| one == two || (is_azure(one) && is_azure(two));
        if self.organisation != name.organisation || provider.is_some_and(|asked| !is_same(&self.provider, asked)) {
            return None;
        }
        let is_legacy = is_azure(&self.provider) && self.provider != "ado";
        if is_legacy && provider == Some("ado") && name.group.is_empty() {
            return None;
        }
        let path = url_path(&self.url);
        let path = if is_azure(&self.provider) { path.replace("/_git/", "/") } else { path };
        let own = split_name(&path)?;
        // Azure's older provider names come from names without a project: what those say is enough.
        let asks_legacy = provider.is_some_and(|asked| is_azure(asked) && asked != "ado");
        let ignores_group = (name.group.is_empty() && (is_legacy || asks_legacy)) || (is_legacy && asks_legacy);
        let matches = own.organisation == name.organisation
            && fits(own.repository, name.repository, &["{repo}"])
            && (ignores_group || fits(own.group, name.group, &["{group}", "{project}"]));
        matches.then(|| {
            self.url
                .replace("{token}", &self.token)
                .replace("{repo}", name.repository)
                .replace("{group}", name.group)
                .replace("{project}", name.group)
        })
    }
}

/// Whether a part of an address is the package's, or a placeholder for it.
fn fits(own: &str, asked: &str, placeholders: &[&str]) -> bool {
    own == asked || (placeholders.contains(&own) && !asked.is_empty())
}

fn split_name(name: &str) -> Option<Name<'_>> {
    let (organisation, rest) = name.split_once('/')?;
    let (group, repository) = rest.rsplit_once('/').unwrap_or(("", rest));
    (!organisation.is_empty() && !repository.is_empty()).then_some(Name { organisation, group, repository })
}

/// The path of an address without its first slash and `.git`.
fn url_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

fn ssh_address(name: &str, provider: Option<&str>) -> Result<String, String> {
    match provider.unwrap_or("github") {
        "github" => Ok(format!("git@github.com:{name}.git")),
        "gitlab" => Ok(format!("git@gitlab.com:{name}.git")),
        provider @ ("ado" | "azure_devops") if name.split('/').count() < 3 => {
            Err(format!("The '{provider}' provider requires org/project/repo format (3 parts), got: '{name}'"))
        }
        "ado" | "azure_devops" => Ok(format!("git@ssh.dev.azure.com:v3/{name}")),
        provider => Err(format!(
            "Invalid private package configuration: '{name}' provider: '{provider}'. Valid providers are: github, gitlab, \
             ado, azure_devops"
        )),
    }
}

fn accounts(env: &BTreeMap<String, String>) -> Result<Vec<Account>, String> {
    let Some(text) = env.get(VARIABLE).filter(|text| !text.trim().is_empty()) else { return Ok(Vec::new()) };
    let value: Value = serde_json::from_str(text).map_err(|_| format!("the variable {VARIABLE} is no JSON"))?;
    let items = value.as_array().ok_or_else(|| format!("the variable {VARIABLE} is no list"))?;
    items
        .iter()
        .map(|item| {
            let text = |key: &str| {
                let value = item.get(key).and_then(Value::as_str);
                value.map(str::to_owned).ok_or_else(|| format!("an entry of the variable {VARIABLE} has no `{key}`"))
            };
            Ok(Account {
                organisation: text("org")?,
                url: text("url")?,
                token: text("token")?,
                provider: text("provider")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Checkout;

    fn resolved(private: &str, provider: Option<&str>, accounts: &str) -> Result<String, PackageError> {
        let checkout = Checkout { revision: None, subdirectory: None, warn_unpinned: true };
        let spec = PrivateSpec { private: private.to_owned(), provider: provider.map(str::to_owned), checkout };
        address(&spec, &BTreeMap::from([(VARIABLE.to_owned(), accounts.to_owned())]))
    }

    #[test]
    fn without_accounts_it_is_the_providers_ssh_address() {
        for (name, provider, expected) in [
            ("org/repo", None, Some("git@github.com:org/repo.git")),
            ("org/team/repo", Some("gitlab"), Some("git@gitlab.com:org/team/repo.git")),
            ("org/project/repo", Some("ado"), Some("git@ssh.dev.azure.com:v3/org/project/repo")),
            ("org/repo", Some("azure_devops"), None),
            ("org/repo", Some("bitbucket"), None),
            ("repo", None, None),
        ] {
            assert_eq!(resolved(name, provider, "").ok().as_deref(), expected, "{name} {provider:?}");
        }
    }

    #[test]
    fn accounts_fill_in_token_and_repository() {
        let accounts = r#"[
            {"org": "acme", "url": "https://{token}@github.com/acme/{repo}.git", "token": "t1", "provider": "github"},
            {"org": "acme", "url": "https://{token}@gitlab.com/acme/{group}/{repo}.git", "token": "t2", "provider": "gitlab"},
            {"org": "corp", "url": "https://{token}@dev.azure.com/corp/sales/_git/{repo}", "token": "t3", "provider": "azure_devops"}
        ]"#;
        for (name, provider, expected) in [
            ("acme/utils", None, Some("https://t1@github.com/acme/utils.git")),
            ("acme/a/b/utils", None, Some("https://t2@gitlab.com/acme/a/b/utils.git")),
            ("acme/utils", Some("gitlab"), None),
            ("corp/utils", Some("azure_devops"), Some("https://t3@dev.azure.com/corp/sales/_git/utils")),
            ("corp/sales/utils", Some("ado"), Some("https://t3@dev.azure.com/corp/sales/_git/utils")),
            ("corp/other/utils", Some("ado"), None),
            ("corp/utils", Some("ado"), None),
            ("other/utils", None, None),
        ] {
            assert_eq!(resolved(name, provider, accounts).ok().as_deref(), expected, "{name} {provider:?}");
        }
    }
}
