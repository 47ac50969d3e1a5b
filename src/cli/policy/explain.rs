//! `tutti policy explain`: what becomes of one class for one caller, in words, with every policy that had one.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::super::places::Places;
use super::{Verdict, unusable};
use crate::cli::grant::read_either;
use crate::cli::text::clean;
use crate::config::policies::{shipped, try_out};
use crate::config::{Settings, closest, process_environment, read_claims};
use crate::model::grant::{Grant, Lift};
use crate::model::{Caller, ClassId, Jurisdiction, RegionName};
use crate::policy::cases::{self, Stored};
use crate::policy::lift;
use crate::policy::{Act, Basis, CareMode, Explanation, Leg, Rulebook, Rung, Verdict as Decided};

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The claims of the caller, as a token has them: sub, roles, groups, clearances, home, purpose (JSON).
    #[arg(long = "as", value_name = "FILE")]
    pub claims: PathBuf,
    /// A class of data, as classes.toml names it (`pii.email`).
    #[arg(long, value_name = "CLASS")]
    pub class: String,
    /// Where the data lie: a declared region, or a jurisdiction.
    #[arg(long, value_name = "PLACE")]
    pub stored: String,
    /// Where the answer is assembled: a declared region, or a jurisdiction.
    #[arg(long, value_name = "PLACE")]
    pub delivered: String,
    /// A grant, or a request for one, that is to hold: what it lifts. Nothing of it is checked.
    #[arg(long, value_name = "FILE")]
    pub grant: Option<PathBuf>,
    /// The configuration whose regions and policies hold; `regions.toml` where it is there.
    #[arg(long, value_name = "FILE", conflicts_with = "policies")]
    pub config: Option<PathBuf>,
    /// A folder of policies, without a configuration; places are jurisdictions then.
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
}

/// Policies, and the regions that have names.
struct Known {
    book: Arc<Rulebook>,
    regions: Vec<(RegionName, Jurisdiction)>,
    lists_keys: bool,
}

/// Where nothing is said, a configuration in the folder where the command runs.
const CONFIG: &str = "regions.toml";

pub(super) fn run(args: &ExplainArgs, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Verdict> {
    let caller = match read_claims(&args.claims) {
        Ok(caller) => caller,
        Err(error) => return unusable(errors, &error.to_string()),
    };
    let known = match known(args) {
        Ok(known) => known,
        Err(why) => return unusable(errors, &why),
    };
    let places = Places::of(&known.regions, Some(known.book.facts()));
    let (stored, delivered) = match (places.find(&args.stored), places.find(&args.delivered)) {
        (Ok(stored), Ok(delivered)) => (stored, delivered),
        (Err(why), _) => return unusable(errors, &format!("--stored: {why}")),
        (_, Err(why)) => return unusable(errors, &format!("--delivered: {why}")),
    };
    let book = &known.book;
    let Some(class) = book.facts().classes.by_name(&args.class) else {
        return unusable(errors, &format!("--class: {}", no_class(book, &args.class)));
    };
    let grant = match args.grant.as_deref().map(read_either).transpose() {
        Ok(grant) => grant,
        Err(why) => return unusable(errors, &why),
    };
    let lift = grant.as_ref().map(|grant| lift_of(grant, &stored));
    match cases::explain(book, &caller, &args.class, &stored, &delivered.jurisdiction, lift.as_ref()) {
        Ok(Some(explanation)) => {
            write_head(out, &known, class, &caller, (&stored, &delivered))?;
            if let Some(grant) = &grant {
                write_grant(out, grant, &caller, book, (&args.class, &stored))?;
            }
            write_explanation(out, book, class, &explanation)?;
            if known.lists_keys {
                writeln!(
                    out,
                    "\nkeys.toml lists keys besides: what it masks or drops is, whatever stands here"
                )?;
            }
            Ok(Verdict::Good)
        }
        Ok(None) => unusable(errors, &no_class(book, &args.class)),
        Err(broken) => unusable(errors, &broken.to_string()),
    }
}

/// Where only a jurisdiction is said, any region of it is meant.
fn lift_of(grant: &Grant, stored: &Stored) -> Lift {
    let lift = grant.lift();
    if stored.region.is_empty() { Lift { regions: None, ..lift } } else { lift }
}

/// Under which grant, and what of it does not fit.
fn write_grant(
    out: &mut dyn Write,
    grant: &Grant,
    caller: &Caller,
    book: &Rulebook,
    (class, stored): (&str, &Stored),
) -> io::Result<()> {
    let named = |names: Vec<&str>| clean(&names.join(", "));
    let classes = named(grant.classes.iter().map(String::as_str).collect());
    writeln!(out, "grant      {} for {}, on {classes}", clean(&grant.id), clean(&grant.subject))?;
    let mut but = Vec::new();
    if grant.subject != caller.subject {
        but.push(format!("it is for `{}`, not for this caller", clean(&grant.subject)));
    }
    if grant.purpose != caller.purpose {
        but.push("it is for another purpose than the caller states".to_owned());
    }
    if !stored.region.is_empty() && !grant.lift().is_of(&stored.region) {
        but.push(format!("it is not about region {}", stored.region));
    }
    but.extend(
        grant
            .classes
            .iter()
            .filter_map(|name| lift::check(&book.facts().classes, name).err())
            .map(|why| why.to_string()),
    );
    if lift::check(&book.facts().classes, class).is_err() {
        but.push(format!("{class} is never lifted"));
    }
    but.iter().try_for_each(|why| writeln!(out, "  but      {}", clean(why)))
}

fn known(args: &ExplainArgs) -> Result<Known, String> {
    if let Some(folder) = &args.policies {
        return of_folder(folder);
    }
    match &args.config {
        Some(config) => of_config(config),
        None if Path::new(CONFIG).is_file() => of_config(Path::new(CONFIG)),
        None => {
            let nowhere = Jurisdiction::parse("US").map_err(|error| error.to_string())?;
            let policies = shipped(&[], nowhere).map_err(|findings| {
                findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            })?;
            let book = policies.book().cloned().ok_or("the baseline has no policies")?;
            Ok(Known { book, regions: Vec::new(), lists_keys: false })
        }
    }
}

fn of_folder(folder: &Path) -> Result<Known, String> {
    super::is_there(folder)?;
    let seen = try_out(folder).map_err(|error| {
        format!(
            "{error}\nthe policies are at fault; `tutti policy check {}` shows each place",
            folder.display()
        )
    })?;
    let book = seen.book.ok_or_else(|| format!("{} holds listed keys alone", folder.display()))?;
    Ok(Known { book, regions: Vec::new(), lists_keys: seen.has_keys })
}

fn of_config(config: &Path) -> Result<Known, String> {
    let (settings, _) = Settings::load(config, &process_environment).map_err(|error| {
        format!(
            "{error}\nthe configuration is at fault; `tutti check --config {}` shows each place",
            config.display()
        )
    })?;
    let regions = settings.regions.iter().map(|region| (region.name.clone(), region.jurisdiction.clone()));
    let regions = regions.collect();
    let lists_keys = settings.policies.has_listed_keys();
    match settings.policies.book() {
        Some(book) => Ok(Known { book: book.clone(), regions, lists_keys }),
        None if lists_keys => {
            Err(format!("{} decides by listed keys alone, for every caller alike", config.display()))
        }
        None => Err(format!("{} has no policies: everything is shown to everyone", config.display())),
    }
}

fn no_class(book: &Rulebook, name: &str) -> String {
    let classes = book.facts().classes.iter();
    let names: Vec<&str> = classes.map(|(_, class)| class.name.as_str()).collect();
    match closest(name, names.iter().copied()) {
        Some(meant) => format!("there is no class `{name}`; did you mean `{meant}`?"),
        None => format!("there is no class `{name}`; there are {}", names.join(", ")),
    }
}

fn write_head(
    out: &mut dyn Write,
    known: &Known,
    class: ClassId,
    caller: &Caller,
    (stored, delivered): (&Stored, &Stored),
) -> io::Result<()> {
    let of = known.book.facts().classes.get(class);
    let place = |of: &Stored| match of.region.as_str() {
        "" => of.jurisdiction.to_string(),
        region => format!("{region} ({})", of.jurisdiction),
    };
    let title = if of.title.is_empty() { String::new() } else { format!(" ({})", of.title) };
    writeln!(out, "class      {}{title}, of group {}", of.name, of.group)?;
    writeln!(out, "stored     {}", place(stored))?;
    writeln!(out, "delivered  {}", place(delivered))?;
    let mut claims = Vec::new();
    for (name, of) in
        [("roles", &caller.roles), ("groups", &caller.groups), ("clearances", &caller.clearances)]
    {
        if !of.is_empty() {
            claims.push(format!("{name} {}", of.iter().cloned().collect::<Vec<_>>().join(", ")));
        }
    }
    claims.extend(caller.home.as_ref().map(|home| format!("home {home}")));
    let purpose = known.book.purpose(caller);
    claims.push(match caller.purpose.as_deref() {
        Some(stated) if stated != purpose => format!("purpose {stated}, which no purposes.toml knows"),
        Some(stated) => format!("purpose {stated}"),
        None => "no purpose stated".to_owned(),
    });
    writeln!(out, "caller     {}: {}", caller.subject, claims.join("; "))
}

fn write_explanation(
    out: &mut dyn Write,
    book: &Rulebook,
    class: ClassId,
    explanation: &Explanation,
) -> io::Result<()> {
    let cell = &explanation.cell;
    writeln!(out, "\n{}: {}", cell.rung.as_str(), meaning(cell.rung))?;
    let rights = cases::rights(cell);
    let asked: Vec<&str> = rights.iter().map(|act| of_right(*act)).collect();
    let asked = if asked.is_empty() { "nothing may be asked".to_owned() } else { asked.join(", ") };
    writeln!(out, "queries: {asked}")?;
    for leg in &explanation.legs {
        writeln!(out)?;
        if explanation.legs.len() > 1 {
            let to = &leg.delivered;
            writeln!(out, "as if delivered to {to}; of these the more restrictive holds:")?;
        }
        write_leg(out, book, class, leg)?;
    }
    Ok(())
}

fn write_leg(out: &mut dyn Write, book: &Rulebook, class: ClassId, leg: &Leg) -> io::Result<()> {
    let basis = match leg.basis {
        Basis::Home => "it stays in its jurisdiction",
        Basis::Adequate => "it leaves its jurisdiction for one that facts.toml names as adequate",
        Basis::None => "it leaves its jurisdiction, and no basis for that is known",
    };
    writeln!(out, "{basis}")?;
    for verdict in &leg.verdicts {
        writeln!(out, "  {}", sentence(book, verdict))?;
    }
    let is_allow_listed = leg.mode == CareMode::AllowList && class == book.facts().classes.unknown();
    if is_allow_listed {
        writeln!(
            out,
            "  the allow-list of facts.toml drops keys that no one told of, whatever is permitted"
        )?;
    }
    if leg.cell.rung == Rung::Dropped {
        writeln!(out, "  what is dropped cannot be asked about")?;
    }
    let care = match leg.mode {
        CareMode::Balanced => "balanced: a find that is likely by chance needs a word beside it",
        CareMode::Paranoid => "paranoid: every find counts",
        CareMode::AllowList => "allowlist: every find counts, and unknown keys are dropped",
    };
    writeln!(out, "  values are looked at {care}")
}

/// What one question came to, and by which policies.
fn sentence(book: &Rulebook, verdict: &Decided) -> String {
    let rules = verdict.rules.iter().filter_map(|number| book.rule(*number));
    let named: Vec<String> = rules
        .map(|rule| match rule.controls.is_empty() {
            true => rule.id.clone(),
            false => format!("{} ({})", rule.id, rule.controls.join(", ")),
        })
        .collect();
    let named = named.join(", ");
    let word = if verdict.is_allowed { "yes" } else { "no " };
    let why = match (verdict.is_allowed, named.is_empty()) {
        (true, _) => format!("permitted by {named}"),
        (false, true) => "nothing permits it".to_owned(),
        (false, false) => format!("forbidden by {named}"),
    };
    format!("{word} {:18} {why}", verdict.act.as_str())
}

fn meaning(rung: Rung) -> &'static str {
    match rung {
        Rung::Raw => "shown as it is stored",
        Rung::Generalised => "made coarser",
        Rung::Pseudonymised => "a keyed token stands in its place, the same for the same value",
        Rung::Masked => "a mark of its class stands in its place",
        Rung::Dropped => "key and value are taken away",
    }
}

fn of_right(act: Act) -> &'static str {
    match act {
        Act::GroupBy => "may be grouped by",
        Act::ListValues => "values may be listed",
        _ => "may be filtered by",
    }
}
