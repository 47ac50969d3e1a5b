//! `tutti serve`: the gateway over the regions of a configuration.

use std::process::ExitCode;

use super::ServeArgs;
use crate::app;
use crate::config::process_environment;

/// The configuration is at fault, or the gateway could not begin.
const EXIT_FAILED: u8 = 1;

pub fn run(args: &ServeArgs) -> ExitCode {
    let (settings, findings) = match app::load(&args.config, args.listen, &process_environment) {
        Ok(loaded) => loaded,
        Err(lines) => {
            super::complain(&lines);
            return ExitCode::from(EXIT_FAILED);
        }
    };
    super::start_log(args.log, settings.telemetry.log);
    app::log_findings(&findings);
    super::block_on(app::run(args.config.clone(), settings, args.listen, &process_environment))
}
