//! Consul's definition files: what each of `definitions/` and `beyond/` registers, written beside
//! it. `LIVEZONE_BLESS=1` writes the expectations anew; read the difference then.
//!
//! `definitions/` holds what Consul 1.10 reads too; `agent.rs` compares the two, see
//! `tests/consul/compare`. `beyond/` holds what only newer versions read, or only we.

mod agent;
mod dns;

use std::fmt::Write;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use livezone::diagnostic::{Diagnostic, Severity};
use livezone::model::check::Kind;
use livezone::model::definition::{CheckDefinition, InstanceDefinition, ServiceDefinition};
use livezone::sources::consul;

/// What stands for the host's own address.
pub(crate) const NODE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A folder of this test.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consul").join(name)
}

/// The definitions of a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &PathBuf| path.extension().is_some_and(|e| e == "json" || e == "hcl");
    let mut files: Vec<PathBuf> = entries.filter(ours).collect();
    files.sort();
    files
}

/// What a file registers, and every complaint.
pub(crate) fn read(file: &Path) -> (Vec<std::sync::Arc<ServiceDefinition>>, Vec<Diagnostic>) {
    let text = fs::read_to_string(file).unwrap();
    let name = Path::new(file.file_name().unwrap());
    let (document, diagnostics) = consul::parse(name.into(), text.into(), Some(NODE));
    let services = document.unwrap_or_else(|| panic!("{}: {diagnostics:#?}", file.display()));
    (services.services, diagnostics)
}

#[test]
fn each_definition_registers_what_stands_beside_it() {
    let mut differences = String::new();
    let mut count = 0;
    for file in files(&folder("definitions")).into_iter().chain(files(&folder("beyond"))) {
        let (services, diagnostics) = read(&file);
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error);
        assert_eq!(errors.count(), 0, "{}: {diagnostics:#?}", file.display());
        let mut shown = String::new();
        for service in &services {
            for instance in &service.instances {
                show(&mut shown, service, instance);
            }
        }
        for diagnostic in &diagnostics {
            writeln!(shown, "warning: {}", diagnostic.short()).unwrap();
        }
        count += services.len();
        let expectation = file.with_extension(format!("{}.expected", ending(&file)));
        if std::env::var_os("LIVEZONE_BLESS").is_some() {
            fs::write(&expectation, &shown).unwrap();
        } else if fs::read_to_string(&expectation).unwrap_or_default() != shown {
            write!(differences, "\n== {}\n{shown}", file.display()).unwrap();
        }
    }
    assert!(count >= 50, "{count} services");
    assert!(differences.is_empty(), "what is registered now:\n{differences}");
}

fn ending(file: &Path) -> &str {
    file.extension().unwrap().to_str().unwrap()
}

fn show(out: &mut String, service: &ServiceDefinition, instance: &InstanceDefinition) {
    let name = &service.name.value;
    let kept = if instance.id.name().is_none() { " (no name)" } else { "" };
    writeln!(out, "{name}: instance {}{kept}", instance.id).unwrap();
    let port = instance.port.map_or("none".to_owned(), |port| port.to_string());
    let endpoints: Vec<_> = instance.location.endpoints().map(|e| e.to_string()).collect();
    writeln!(out, "  address [{}] port {port}", endpoints.join(", ")).unwrap();
    for tag in &*instance.tags {
        let kept = if tag.is_name() { "" } else { " (no name)" };
        writeln!(out, "  tag {}{kept}", tag.as_str()).unwrap();
    }
    for (key, value) in instance.meta.iter().flat_map(|meta| meta.iter()) {
        writeln!(out, "  meta {key}={value}").unwrap();
    }
    let weights = instance.weights;
    writeln!(out, "  weights {} {}", weights.passing, weights.warning).unwrap();
    for check in &instance.checks {
        show_check(out, check);
    }
}

fn show_check(out: &mut String, check: &CheckDefinition) {
    writeln!(out, "  check {}", check.id).unwrap();
    match &*check.kind {
        Kind::Http(http) => {
            let scheme = if http.tls.is_some() { "https" } else { "http" };
            let host = http.host.as_deref().unwrap_or("-");
            writeln!(out, "    {} {scheme} {host} {:?} {}", http.method, http.port, http.path)
                .unwrap();
            if let Some(tls) = &http.tls {
                writeln!(out, "    tls skip {} name {:?}", tls.skip_verify, tls.server_name)
                    .unwrap();
            }
            for (name, value) in &http.headers.0 {
                writeln!(out, "    header {name}: {value}").unwrap();
            }
            if !http.body.is_empty() {
                writeln!(out, "    body {:?}", http.body).unwrap();
            }
        }
        Kind::Tcp(tcp) => {
            let name = tcp.tls.as_ref().map(|tls| tls.server_name.as_deref().unwrap_or("-"));
            writeln!(out, "    tcp {:?} tls {name:?}", tcp.port).unwrap();
        }
        Kind::Grpc(grpc) => {
            let tls = if grpc.tls.is_some() { " over tls" } else { "" };
            writeln!(out, "    grpc {:?} {:?}{tls}", grpc.port, grpc.service).unwrap();
        }
        Kind::Script(script) => {
            writeln!(out, "    script {} {:?}", script.program, script.arguments).unwrap();
        }
        Kind::Ttl(ttl) => writeln!(out, "    ttl {ttl:?}").unwrap(),
        Kind::Alias(alias) => writeln!(out, "    alias of {}", alias.instance).unwrap(),
    }
    let policy = &check.policy;
    writeln!(out, "    interval {:?} timeout {:?}", policy.interval, policy.timeout).unwrap();
    writeln!(
        out,
        "    passing after {:?}, warning {:?}, critical {:?}; initially {:?}",
        policy.success_before_passing,
        policy.failures_before_warning,
        policy.failures_before_critical,
        check.initial
    )
    .unwrap();
    if let Some(after) = policy.deregister_after {
        writeln!(out, "    deregistered after {after:?}").unwrap();
    }
}
