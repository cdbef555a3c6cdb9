//! `dvt docs serve`: the documentation in a browser.

use crate::app::{App, Exit};
use crate::cli::{Cli, DocsServeArgs};
use dvt_diagnostics::{Diagnostic, Diagnostics, Event, kinds};
use dvt_docs::{DocsServer, PAGE};
use dvt_manifest::write_atomically;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) fn run(app: &mut App, cli: &Cli, args: &DocsServeArgs) -> Result<Exit, Diagnostics> {
    let project = app.load_project_file(cli)?;
    app.announce();
    let settings = app.project_settings()?;
    let target = settings.target_path.clone().unwrap_or_else(|| PathBuf::from(&project.target_path));
    let folder = project.root.join(target);
    if !folder.join("manifest.json").is_file() {
        return Err(Diagnostic::error("no-docs", format!("there is no manifest.json in {}", folder.display()))
            .help("run `dvt docs generate` first")
            .into());
    }
    write_page(&folder)?;
    let host = args.host.as_deref().unwrap_or("127.0.0.1");
    let server = DocsServer::bind(host, args.port, &folder).map_err(|error| {
        Diagnostic::error("docs-serve", error.to_string()).help("stop what listens there, or choose another --port")
    })?;
    let address = server.address();
    let shown = if address.ip().is_loopback() || address.ip().is_unspecified() { "localhost" } else { host };
    let url = format!("http://{shown}:{}", address.port());
    let say = |text: String| app.events().fire(Event::new(kinds::FORMATTING, text.clone()).with("msg", text));
    say(format!("Serving docs at {}", address.port()));
    say(format!("To access from your browser, navigate to: {url}"));
    say("Press Ctrl+C to exit.".to_owned());
    if !args.no_browser {
        open_browser(&url);
    }
    server.serve();
    Ok(Exit::Success)
}

/// Writes the page beside the artifacts it reads.
pub(super) fn write_page(folder: &Path) -> Result<(), Diagnostic> {
    write(&folder.join("index.html"), PAGE)
}

/// Writes the page with both artifacts of the folder inside.
pub(super) fn write_static_page(folder: &Path) -> Result<(), Diagnostic> {
    let read = |name: &str| {
        std::fs::read_to_string(folder.join(name)).map_err(|error| {
            Diagnostic::error("unreadable-file", format!("cannot read {}: {error}", folder.join(name).display()))
        })
    };
    let page = dvt_docs::static_page(&read("manifest.json")?, &read("catalog.json")?);
    write(&folder.join("static_index.html"), &page)
}

fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    write_atomically(path, text.as_bytes()).map_err(|error| {
        Diagnostic::error("cannot-write", error.to_string()).help("name another folder with --target-path")
    })
}

/// Asks the system to open the page. Where it cannot, the address is on the screen anyway.
fn open_browser(url: &str) {
    let (command, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start", ""])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(command);
    command.args(first).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _ = command.spawn();
}
