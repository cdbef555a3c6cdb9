//! `dvt deps`: installs the packages that the project asks for.

use crate::app::{App, Exit};
use crate::cli::{Cli, DepsArgs, PackageOrigin};
use dvt_diagnostics::{Diagnostic, Diagnostics};
use dvt_packages::{AddPackage, InstallOptions, install, provider_tokens};
use dvt_project::ProjectSettings;
use std::path::PathBuf;

const HUB: &str = "https://hub.getdbt.com/";
const HTTP_TIMEOUT_SECONDS: f64 = 10.0;

pub(super) fn run(app: &mut App, cli: &Cli, args: &DepsArgs) -> Result<Exit, Diagnostics> {
    let add = args.add_package.as_deref().map(|text| added(text, args.source)).transpose()?;
    let project = app.load_project_file(cli)?;
    app.announce();
    let settings = app.project_settings()?;
    app.printer.add_secrets(provider_tokens(&settings.env));
    let install_path = settings.variable("PACKAGES_INSTALL_PATH").unwrap_or(&project.packages_install_path);
    let options = InstallOptions {
        install_path: project.root.join(PathBuf::from(install_path)),
        project_root: project.root,
        project_name: project.name,
        add,
        lock_only: args.lock,
        upgrade: args.upgrade,
        version_check: app.settings.version_check,
        hub_url: settings.variable("PACKAGE_HUB_URL").unwrap_or(HUB).to_owned(),
        cache: cache_folder(&settings),
        http_timeout_seconds: timeout(&settings)?,
    };
    install(&settings, &options, &app.events())?;
    Ok(Exit::Success)
}

fn added(text: &str, source: PackageOrigin) -> Result<AddPackage, Diagnostic> {
    let origin = match source {
        PackageOrigin::Hub => dvt_packages::PackageOrigin::Hub,
        PackageOrigin::Git => dvt_packages::PackageOrigin::Git,
        PackageOrigin::Local => dvt_packages::PackageOrigin::Local,
    };
    let package = AddPackage::parse(text, origin);
    if source != PackageOrigin::Local && package.version.as_deref().unwrap_or_default().is_empty() {
        return Err(Diagnostic::error(
            "add-package",
            "Version is required in --add-package when a package when source is not local.",
        )
        .help(format!("write `--add-package {text}@<version>`")));
    }
    Ok(package)
}

/// `DBT_DOWNLOADS_DIR`, else a folder in the home folder's `.dvt`.
fn cache_folder(settings: &ProjectSettings) -> Option<PathBuf> {
    let named = settings.variable("DOWNLOADS_DIR").map(|folder| settings.project_dir.join(folder));
    named.or_else(|| settings.home.as_ref().map(|home| home.join(".dvt/cache/packages")))
}

fn timeout(settings: &ProjectSettings) -> Result<f64, Diagnostic> {
    let Some(text) = settings.variable("HTTP_TIMEOUT") else { return Ok(HTTP_TIMEOUT_SECONDS) };
    text.parse().ok().filter(|seconds: &f64| *seconds > 0.0 && *seconds <= 86_400.0).ok_or_else(|| {
        Diagnostic::error("invalid-setting", format!("`{text}` is not a value for DBT_HTTP_TIMEOUT"))
            .note("it takes a number of seconds")
    })
}
