//! `dvt deps`: installs the packages that the project asks for.

use crate::app::{App, Exit};
use crate::cli::{Cli, DepsArgs};
use dvt_diagnostics::Diagnostics;
use dvt_packages::{InstallOptions, install};
use std::path::PathBuf;

pub(super) fn run(app: &mut App, cli: &Cli, args: &DepsArgs) -> Result<Exit, Diagnostics> {
    let project = app.load_project_file(cli)?;
    app.announce();
    let settings = app.project_settings()?;
    let install_path = settings.variable("PACKAGES_INSTALL_PATH").unwrap_or(&project.packages_install_path);
    let options = InstallOptions {
        install_path: project.root.join(PathBuf::from(install_path)),
        project_root: project.root,
        project_name: project.name,
        lock_only: args.lock,
        upgrade: args.upgrade,
    };
    install(&settings, &options, &app.events())?;
    Ok(Exit::Success)
}
