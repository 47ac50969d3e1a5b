//! `tutti grant`: break-glass from the terminal. One person writes a request, a second one signs it, and a third looks
//! at what it was used for. Nothing here talks to a gateway: a request, a grant and a review are texts that people
//! hand to each other.

mod review;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::config::{Settings, process_environment, read_claims, read_text};
use crate::identity::grants::{GrantUses, at, check_shape};
use crate::model::grant::{GRANT_MAX, Grant};
use crate::model::{Caller, ProvenBy, RegionName, TraceId};
use crate::proof::SigningKey;
use crate::proof::grant::{GrantTokenError, of_request, peek, sign, to_request};
use crate::task::clock::wall_nanos;

use super::text::clean;
pub use review::{ReviewArgs, ReviewedArgs};

/// Keys and grants have a kilobyte.
const TEXT_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Args)]
pub struct GrantArgs {
    #[command(subcommand)]
    pub command: GrantCommand,
}

#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// Write what a second person is asked to sign.
    Request(RequestArgs),
    /// Sign what another asks for, as the second person.
    Sign(SignArgs),
    /// Show what stands in a grant, and with a configuration whether it holds.
    Show(ShowArgs),
    /// List grants that were used and that no one has reviewed; exit code 1 where one is overdue.
    Review(ReviewArgs),
    /// Write that a grant was reviewed.
    Reviewed(ReviewedArgs),
}

#[derive(Debug, Args)]
pub struct RequestArgs {
    /// Your claims, as a token has them: sub and purpose count (JSON).
    #[arg(long = "as", value_name = "FILE")]
    pub claims: PathBuf,
    /// The ticket that it is about.
    #[arg(long, value_name = "ID")]
    pub ticket: String,
    /// What happened, and why it cannot be found out otherwise.
    #[arg(long, value_name = "TEXT")]
    pub because: String,
    /// A class or group of data, as classes.toml names it; may be given several times.
    #[arg(long = "class", value_name = "CLASS", required = true)]
    pub classes: Vec<String>,
    /// A declared region; may be given several times.
    #[arg(long = "region", value_name = "REGION", value_parser = RegionName::parse, required = true)]
    pub regions: Vec<RegionName>,
    /// Only these traces; may be given several times.
    #[arg(long = "trace", value_name = "ID", value_parser = TraceId::parse)]
    pub traces: Vec<TraceId>,
    /// For how long, from the signature on; an hour at most.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "30m")]
    pub length: Duration,
}

#[derive(Debug, Args)]
pub struct SignArgs {
    /// What `tutti grant request` wrote; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub request: PathBuf,
    /// Your private key (PEM, Ed25519).
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// Your name, as [[break_glass.signer]] has it.
    #[arg(long, value_name = "NAME")]
    pub name: String,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// What `tutti grant sign` wrote; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub grant: PathBuf,
    /// The configuration by which it is checked.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `tutti grant`: 0 done, 1 refused, does not hold, or a review is overdue.
pub fn main(args: &GrantArgs) -> ExitCode {
    let now = Duration::from_nanos(wall_nanos());
    let mut notes = io::stderr();
    match run(&args.command, now, &mut io::stdin().lock(), &mut anstream::stdout(), &mut notes) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            super::complain(&format!("error: {why}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
pub fn run(
    command: &GrantCommand,
    now: Duration,
    input: &mut dyn Read,
    out: &mut dyn Write,
    notes: &mut dyn Write,
) -> Result<bool, String> {
    let written = |error: io::Error| error.to_string();
    match command {
        GrantCommand::Request(args) => {
            let request = to_request(&request(args, now)?).map_err(|error| error.to_string())?;
            writeln!(out, "{request}").map_err(written)?;
            Ok(true)
        }
        GrantCommand::Sign(args) => {
            let (grant, token) = signed(args, now, input)?;
            for line in lines(&grant) {
                writeln!(notes, "{line}").map_err(written)?;
            }
            writeln!(out, "{token}").map_err(written)?;
            Ok(true)
        }
        GrantCommand::Show(args) => show(args, now, input, out),
        GrantCommand::Review(args) => review::list(args, now, input, out),
        GrantCommand::Reviewed(args) => review::write(args, now, out),
    }
}

fn request(args: &RequestArgs, now: Duration) -> Result<Grant, String> {
    let caller = read_claims(&args.claims).map_err(|error| error.to_string())?;
    if caller == Caller::anonymous() || caller.subject == Caller::anonymous().subject {
        return Err("the claims say no `sub`: a grant is for somebody by name".to_owned());
    }
    let now = Duration::from_secs(now.as_secs());
    let grant = Grant {
        id: fresh_id(),
        subject: caller.subject,
        signer: String::new(),
        ticket: args.ticket.clone(),
        justification: args.because.clone(),
        classes: args.classes.iter().cloned().collect(),
        regions: args.regions.iter().cloned().collect(),
        traces: args.traces.iter().copied().collect(),
        purpose: caller.purpose,
        issued: now,
        not_before: now,
        expires: now + args.length.max(Duration::from_secs(1)),
    };
    check_shape(&grant).map_err(|fault| fault.to_string())?;
    Ok(grant)
}

fn fresh_id() -> String {
    format!("g-{:016x}", rand::random::<u64>())
}

/// The time of a grant begins when it is signed: until then nobody has agreed to anything.
fn signed(args: &SignArgs, now: Duration, input: &mut dyn Read) -> Result<(Grant, String), String> {
    let text = read(&args.request, input)?;
    let wanted = of_request(&text).map_err(|error| format!("{}: {error}", args.request.display()))?;
    let pem = read_text(&args.key, TEXT_BYTES_MAX)?;
    let key = SigningKey::from_pem(&pem).map_err(|why| format!("{}: {why}", args.key.display()))?;
    if wanted.subject.eq_ignore_ascii_case(&args.name) {
        return Err(format!(
            "`{}` asks for the grant: a second person has to sign it",
            clean(&wanted.subject)
        ));
    }
    check_shape(&wanted).map_err(|fault| fault.to_string())?;
    let now = Duration::from_secs(now.as_secs());
    let length = wanted.expires.saturating_sub(wanted.not_before);
    let grant = Grant {
        // Whoever asks must not choose it: it is counted, told and reviewed by it.
        id: fresh_id(),
        signer: args.name.clone(),
        issued: now,
        not_before: now,
        expires: now + length,
        ..wanted
    };
    check_shape(&grant).map_err(|fault| fault.to_string())?;
    debug_assert!(length <= GRANT_MAX, "a longer one was refused");
    let token = sign(&grant, &key).map_err(|error| error.to_string())?;
    Ok((grant, token))
}

fn show(args: &ShowArgs, now: Duration, input: &mut dyn Read, out: &mut dyn Write) -> Result<bool, String> {
    let token = read(&args.grant, input)?;
    let token = token.trim();
    let grant = peek(token).map_err(|error| error.to_string())?;
    let mut text = lines(&grant).join("\n");
    let verdict = match &args.config {
        None => None,
        Some(config) => {
            let (settings, _) =
                Settings::load(config, &process_environment).map_err(|error| error.to_string())?;
            let subject = grant.subject.clone();
            // As somebody by name: how they will be proven is seen by the gateway alone.
            let proven = ProvenBy::Issuer;
            let caller = Caller { subject, purpose: grant.purpose.clone(), ..Caller::anonymous() };
            let accepted = settings.grants.accept(token, (&caller, proven), now, &GrantUses::default());
            Some(accepted.map_err(|(fault, _)| fault.to_string()))
        }
    };
    text.push_str(&match &verdict {
        None => "\nnot checked: name the configuration with --config".to_owned(),
        Some(Ok(_)) => "\nit holds".to_owned(),
        Some(Err(why)) => format!("\nit does not hold: {}", clean(why)),
    });
    writeln!(out, "{text}").map_err(|error| error.to_string())?;
    Ok(!matches!(verdict, Some(Err(_))))
}

/// What a person should read before they sign.
pub(super) fn lines(grant: &Grant) -> Vec<String> {
    let joined = |names: Vec<String>| names.join(", ");
    let traces = match grant.traces.len() {
        0 => "any".to_owned(),
        _ => joined(grant.traces.iter().map(ToString::to_string).collect()),
    };
    let minutes = grant.expires.saturating_sub(grant.not_before).as_secs().div_ceil(60);
    vec![
        format!("grant      {}", clean(&grant.id)),
        format!("for        {}", clean(&grant.subject)),
        format!(
            "signed by  {}",
            if grant.signer.is_empty() { "nobody yet".to_owned() } else { clean(&grant.signer) }
        ),
        format!("ticket     {}", clean(&grant.ticket)),
        format!("because    {}", clean(&grant.justification)),
        format!("purpose    {}", grant.purpose.as_deref().map_or_else(|| "none".to_owned(), clean)),
        format!("classes    {}", joined(grant.classes.iter().map(|name| clean(name)).collect())),
        format!("regions    {}", joined(grant.regions.iter().map(ToString::to_string).collect())),
        format!("traces     {traces}"),
        format!("until      {}, for {minutes} minutes", at(grant.expires)),
    ]
}

/// A grant, or a request for one, from a file: for looking at what it would lift.
pub(super) fn read_either(path: &Path) -> Result<Grant, String> {
    let text = read_text(path, TEXT_BYTES_MAX)?;
    let grant = match text.trim_start().starts_with('{') {
        true => of_request(&text),
        false => peek(text.trim()),
    };
    grant.map_err(|error: GrantTokenError| format!("{}: {error}", path.display()))
}

fn read(path: &Path, input: &mut dyn Read) -> Result<String, String> {
    if path != Path::new("-") {
        return read_text(path, TEXT_BYTES_MAX);
    }
    let mut text = String::new();
    let read = input.take(TEXT_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| format!("standard input: {error}"))?;
    Ok(text)
}
