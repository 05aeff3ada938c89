//! tmp
fn main() {
    let c = livezone::config::Config::default();
    if let Err(e) = livezone::server::run(livezone::server::Options {
        config: c,
        ready_file: None,
        reload: Box::new(|| Ok(livezone::config::Config::default())),
        started: None,
    }) {
        eprintln!("{e}");
    }
}
