//! What changes while the server runs: health, files and settings.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::Soak;
use crate::asker::Pace;
use crate::backends::{Backend, Conduct};
use crate::fleet::{Instance, Service};
use crate::judge::ZONE;
use crate::support::server::put;

/// Changes of health in a second.
const FLIPS: u32 = 5;
/// Services, and instances beside them, that are out of their files at a time.
const MOST_OUT: usize = 10;

/// Makes backends fail in every way, and recover.
pub(crate) fn health(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pace = Pace::new(FLIPS);
    while soak.tally.goes_on() {
        pace.wait();
        let at = rng.usize(..soak.services.len());
        let service = &soak.services[at];
        let n = rng.usize(..service.instances.len());
        let (instance, backend) = (&service.instances[n], &soak.backends[at][n]);
        let failures = Conduct::failures(service.kind);
        if instance.known().fit.holds {
            fail(instance, backend, failures[rng.usize(..failures.len())]);
        } else {
            recover(instance, backend);
        }
        soak.tally.add("flips", 1);
    }
}

fn fail(instance: &Instance, backend: &Backend, conduct: Conduct) {
    backend.order(conduct);
    instance.set_fit(false, Instant::now());
}

fn recover(instance: &Instance, backend: &Backend) {
    instance.set_fit(true, Instant::now());
    backend.order(Conduct::Answers);
}

/// Registers and deregisters, breaks files, and lets the settings be read again.
pub(crate) fn files(soak: &Soak, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut pace = Pace::new(1);
    while soak.tally.goes_on() {
        pace.wait();
        let service = &soak.services[rng.usize(..soak.services.len())];
        match rng.u8(..8) {
            0..3 => toggle_instance(soak, service, rng.usize(..service.instances.len())),
            3..5 => toggle_service(soak, service),
            // A bad file takes nothing away; the next change of the service mends it.
            5 | 6 if service.registered().holds => write(soak, service, "[[service]\nname = \n"),
            _ => {
                soak.process.signal(Signal::SIGHUP);
                soak.tally.add("reloads", 1);
                continue;
            }
        }
        soak.tally.add("file changes", 1);
        bring_back(soak);
    }
}

fn toggle_instance(soak: &Soak, service: &Service, n: usize) {
    if service.registered().holds {
        let instance = &service.instances[n];
        instance.set_registered(!instance.known().registered.holds, Instant::now());
        write(soak, service, &service.text());
    }
}

fn toggle_service(soak: &Soak, service: &Service) {
    if service.registered().holds {
        let _ = std::fs::remove_file(path(soak, service));
        // What was asked before the file had gone may be answered from it: the order counts.
        set_all(service, false);
    } else {
        set_all(service, true);
        write(soak, service, &service.text());
    }
}

fn set_all(service: &Service, registered: bool) {
    let now = Instant::now();
    service.set_registered(registered, now);
    service.instances.iter().for_each(|instance| instance.set_registered(registered, now));
}

/// Keeps most of the fleet where it can be asked for.
fn bring_back(soak: &Soak) {
    let whole = |service: &&Service| {
        let all = service.instances.iter().all(|instance| instance.known().registered.holds);
        service.registered().holds && all
    };
    let lacking: Vec<_> = soak.services.iter().filter(|service| !whole(service)).collect();
    if let Some(service) = lacking.first().filter(|_| lacking.len() > MOST_OUT) {
        set_all(service, true);
        write(soak, service, &service.text());
    }
}

/// Makes everything as it was at the start.
pub(crate) fn mend(soak: &Soak) {
    for (service, backends) in soak.services.iter().zip(&soak.backends) {
        for (instance, backend) in service.instances.iter().zip(backends) {
            recover(instance, backend);
        }
        set_all(service, true);
        write(soak, service, &service.text());
    }
}

fn write(soak: &Soak, service: &Service, text: &str) {
    put(&path(soak, service), text);
}

fn path(soak: &Soak, service: &Service) -> std::path::PathBuf {
    soak.server.path().join("zones").join(ZONE).join(format!("{}.toml", service.name))
}

/// How long until nothing of it moves any more.
pub(crate) const REST: Duration = Duration::from_secs(15);
