//! `tutti demo`: three embedded regions, a shop whose requests cross them, and the gateway, in one
//! process. It says what to try.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::DemoArgs;
use crate::api::serve::ServeSettings;
use crate::api::{ApiSettings, ApiState};
use crate::app::{self, AppError};
use crate::backend::settings::LayerSettings;
use crate::backend::{Backend, Behaviour, Distance, Region, Simulated};
use crate::config::policies::shipped;
use crate::config::{check_open_listen, redactor_of};
use crate::demo::{Estate, EstateRegion, traffic};
use crate::federation::{Federation, FederationSettings};
use crate::model::{Caller, Jurisdiction, RegionName};
use crate::redaction::KeyRing;
use crate::task::Group;
use crate::task::clock::wall_now;
use crate::telemetry::Metrics;

/// The first region takes OTLP/HTTP here, as every Collector does; the others on the next tens.
const OTLP_PORT: u16 = 4318;

pub fn run(args: &DemoArgs) -> ExitCode {
    super::start_log(None, None);
    let estate = Arc::new(Estate::new(args.seed));
    if let Some(unknown) = unknown_region(args, &estate) {
        let known: Vec<&str> = estate.regions().iter().map(|region| region.name.as_str()).collect();
        super::complain(&format!("error: the demo has no region `{unknown}`; it has {}", known.join(", ")));
        return ExitCode::from(super::EXIT_USAGE);
    }
    if !args.send.is_empty() {
        return super::demo_send::run(args, &estate);
    }
    // What is sent to it can be read by whoever reaches it.
    if let Err(refused) = check_open_listen(args.listen) {
        super::complain(&format!("error: {refused}; listen on 127.0.0.1"));
        return ExitCode::from(super::EXIT_USAGE);
    }
    super::block_on(serve(args, estate))
}

fn unknown_region<'a>(args: &'a DemoArgs, estate: &Estate) -> Option<&'a RegionName> {
    let named = args.down.iter().chain(args.slow.iter().map(|slow| &slow.region));
    let named = named.chain(args.send.iter().map(|target| &target.region));
    let is_known = |name: &RegionName| estate.regions().iter().any(|region| region.name == *name);
    named.into_iter().find(|name| !is_known(name))
}

async fn serve(args: &DemoArgs, estate: Arc<Estate>) -> Result<(), AppError> {
    let tasks = Group::new();
    let listener = app::bind(args.listen, "choose a free port with --listen").await?;
    let mut doors = Vec::new();
    for (region, number) in estate.regions().iter().zip(0u16..) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, OTLP_PORT + 10 * number));
        doors.push((region, open_door(address, region, &tasks).await));
    }
    let regions = estate.regions().iter().map(|region| Arc::new(simulated(args, region))).collect::<Vec<_>>();
    for region in &regions {
        let region = region.clone();
        tasks.spawn(async move { region.watch().await });
    }
    let names = estate.regions().iter().map(|region| (region.name.clone(), region.jurisdiction.clone()));
    let names: Vec<(RegionName, Jurisdiction)> = names.collect();
    // Answers are assembled where the first region is, so that those of the others come over a border.
    let Some((_, here)) = names.first() else { return Err(AppError::Policy) };
    // The shipped baseline is loaded by a test; should it not be, nothing is shown rather than everything.
    let Ok(policies) = shipped(&names, here.clone()) else { return Err(AppError::Policy) };
    let plan = policies.plan(&Caller::anonymous());
    // A key of this run: the demo's tokens are joined with no one else's.
    let Ok(redactor) = redactor_of(&policies, KeyRing::of_this_run()) else { return Err(AppError::Policy) };
    let federation =
        Federation::new(regions, FederationSettings::default(), plan).with_redactor(redactor.into());
    let metrics = Metrics::default();
    metrics.reloaded(true, wall_now());
    let state = ApiState::new(federation, metrics, ApiSettings::default());
    tasks.spawn(traffic(estate.clone()));
    // As bound: port 0 asks for any free one.
    let listen = listener.local_addr().unwrap_or(args.listen);
    let shown = what_to_try(args, listen, &estate, &doors);
    // Whoever has stopped reading still has a demo to use.
    let _ = writeln!(anstream::stdout(), "{shown}");
    app::serve_until_told(
        None,
        listener,
        state,
        ServeSettings { drain: Duration::from_secs(2), ..ServeSettings::default() },
    )
    .await
}

/// As this process was called, so that the lines shown can be copied: it need not be on the PATH.
fn program() -> String {
    std::env::args_os()
        .next()
        .map_or_else(|| "tutti".to_owned(), |called| called.to_string_lossy().into_owned())
}

/// The demo goes on without a door whose port is taken: its own traffic needs none.
async fn open_door(
    address: SocketAddr,
    region: &EstateRegion,
    tasks: &Group,
) -> Result<SocketAddr, AppError> {
    let listener = app::bind(address, "end it to send spans to this region").await?;
    app::open_door(listener, region.backend.clone(), tasks);
    Ok(address)
}

/// A region of the estate at its distance, with what `--slow` and `--down` say of it.
fn simulated(args: &DemoArgs, region: &EstateRegion) -> Region {
    let distance = Distance { round_trip: region.distance, ..Distance::default() };
    let backend = Simulated::new(region.backend.clone() as Arc<dyn Backend>, distance, args.seed);
    if let Some(slow) = args.slow.iter().find(|slow| slow.region == region.name) {
        backend.behave(Behaviour::Slow(slow.by));
    }
    if args.down.contains(&region.name) {
        backend.behave(Behaviour::Down);
    }
    let layers = LayerSettings { deadline: Duration::from_secs(5), ..LayerSettings::default() };
    Region::new(region.name.clone(), region.jurisdiction.clone(), Arc::new(backend), layers)
}

type Door<'a> = (&'a EstateRegion, Result<SocketAddr, AppError>);

fn what_to_try(args: &DemoArgs, listen: SocketAddr, estate: &Estate, doors: &[Door<'_>]) -> String {
    let id = estate.hero();
    let program = program();
    let mut text = format!("tutti demo: three regions, one shop, one gateway on http://{listen}\n\n");
    for (region, door) in doors {
        let EstateRegion { name, jurisdiction, distance, .. } = region;
        let takes = match door {
            Ok(address) => format!("takes OTLP at http://{address}/v1/traces"),
            Err(error) => format!("takes no OTLP: {error}"),
        };
        let fares = if args.down.contains(name) {
            ", down".to_owned()
        } else if let Some(slow) = args.slow.iter().find(|slow| slow.region == *name) {
            format!(", {} slower", humantime::format_duration(slow.by))
        } else {
            String::new()
        };
        let away = humantime::format_duration(*distance).to_string();
        let _ = writeln!(text, "  {name:<11} {jurisdiction}  {away:>5} away{fares}; {takes}");
    }
    let server = if listen.port() == 3200 { String::new() } else { format!(" --server http://{listen}") };
    let _ = write!(
        text,
        "\nTry\n  \
         a browser: http://{listen}/ui/trace/{id}\n  \
         {program} trace {id}{server}\n  \
         {program} query '{{ status = error }}'{server}\n  \
         curl http://{listen}/api/v2/traces/{id}\n  \
         curl -i http://{listen}/api/traces/{id}          headers say which region answered\n  \
         Grafana: add a Tempo data source with the URL http://{listen}\n  \
         {program} demo --slow eu-central=8s, or --down us-west, and ask again: the answer says what is missing\n\n\
         What eu-central holds leaves the EU for the gateway in the US, and no basis for that is known. So the\n\
         baseline of policies shows people of there as marks, networks roughly, and no key that it does not know;\n\
         at home, in the US, all but secrets and cards is readable. Ctrl-C ends the demo."
    );
    text
}
