//! Random histories, and what must never happen in any of them.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use saigak_agent::core::Remedy as _;
use saigak_simulation::fault::Fault;
use saigak_simulation::history::History;
use saigak_simulation::mind::Sound;
use saigak_simulation::play::{Played, play};
use saigak_simulation::shrink::explain;
use saigak_simulation::watch::seconds;

/// Histories by default: as many as take some seconds, and, optimised (`cargo simulate`), a minute
/// on two cores.
const HISTORIES: u64 = if cfg!(debug_assertions) { 1000 } else { 100_000 };

/// Each thread takes so many at a time.
const SHARE: u64 = 50;

/// What became of them.
#[derive(Default)]
struct Figures {
    turns: u64,
    repairs: usize,
    states: HashSet<u64>,
    /// The same, each with the state that the world was in.
    worlds: HashSet<u64>,
    /// By the fault that was alone in its history: how many there were, and the shortest and the
    /// longest time from the last cure to Ready, in milliseconds.
    alone: BTreeMap<Fault, (u64, u64, u64)>,
    /// How long they took from the last cure to Ready: the longest.
    longest: u64,
    /// How many took longer than an hour.
    rested: u64,
    /// How often the wall clock jumped while a pull ran, and how often its registry turned.
    in_pulls: (u64, u64),
    /// One number for what became of all of them, in whatever order they were played: a change
    /// that is to make them quicker and nothing else leaves it as it is.
    digest: u64,
}

impl Figures {
    fn add(&mut self, other: Self) {
        self.turns += other.turns;
        self.repairs += other.repairs;
        self.states.extend(other.states);
        self.worlds.extend(other.worlds);
        for (fault, (count, shortest, longest)) in other.alone {
            let all = self.alone.entry(fault).or_insert((0, u64::MAX, 0));
            *all = (all.0 + count, all.1.min(shortest), all.2.max(longest));
        }
        self.longest = self.longest.max(other.longest);
        self.rested += other.rested;
        self.in_pulls.0 += other.in_pulls.0;
        self.in_pulls.1 += other.in_pulls.1;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Plays shares of `count` histories from `first` on until none is left.
fn play_shares(first: u64, count: u64, taken: &AtomicU64) -> Figures {
    let mut figures = Figures::default();
    loop {
        let share = taken.fetch_add(SHARE, Ordering::Relaxed);
        if share >= count {
            return figures;
        }
        for seed in first + share..first + count.min(share + SHARE) {
            let history = History::from_seed(seed);
            let Ok(played) = play(&history) else { panic!("{}", explain(&history, &Sound)) };
            let took = played.converged;
            let digest = digest(seed, &played);
            let alone = fault_alone(&history).map(|fault| (fault, (1, took, took)));
            let (states, worlds) = played.states.into_iter().unzip();
            figures.add(Figures {
                turns: played.turns,
                repairs: played.acts.len(),
                states,
                worlds,
                alone: alone.into_iter().collect(),
                longest: took,
                rested: u64::from(took > 3_600_000),
                in_pulls: played.in_pulls,
                digest,
            });
        }
    }
}

/// One number for what became of the history of `seed`: what was done, said, and gone through.
fn digest(seed: u64, played: &Played) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, played.converged, &played.states, &played.reasons).hash(&mut hasher);
    for (at, remedy) in &played.acts {
        (at, remedy.name()).hash(&mut hasher);
    }
    hasher.finish()
}

/// The fault of a history in which there is no other.
fn fault_alone(history: &History) -> Option<Fault> {
    let mut struck = history.struck();
    let first = struck.next()?;
    struck.all(|fault| fault == first).then_some(first)
}

/// How long histories took to heal, by the fault that was alone in them.
#[expect(clippy::print_stdout, reason = "of a test, for whoever asks for figures")]
fn print_table(alone: &BTreeMap<Fault, (u64, u64, u64)>) {
    println!("{:<18} {:>9} {:>10} {:>10}", "fault alone in", "histories", "shortest", "longest");
    for (fault, (count, shortest, longest)) in alone {
        let name = format!("{fault:?}");
        let (shortest, longest) = (seconds(*shortest), seconds(*longest));
        println!("{name:<18} {count:>9} {shortest:>8.1} s {longest:>8.1} s");
    }
}

/// `SAIGAK_SEED=N` replays one history, `SAIGAK_HISTORIES=N` plays so many; both: so many from
/// that one on.
#[test]
fn in_no_history_happens_what_must_never_happen() {
    let seed = number("SAIGAK_SEED");
    let count = number("SAIGAK_HISTORIES");
    let count = count.unwrap_or(if seed.is_some() { 1 } else { HISTORIES });
    // The quick ones are the same each time: they judge a change. The search for what nobody has
    // thought of is for the many.
    let searches = !cfg!(debug_assertions) || number("SAIGAK_HISTORIES").is_some();
    let anywhere = || if searches { fastrand::u64(..u64::MAX - count) } else { 0 };
    let first = seed.unwrap_or_else(anywhere);
    println!("SAIGAK_SEED={first} and the {count} from there on");
    let began = Instant::now();
    let taken = AtomicU64::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut figures = Figures::default();
    thread::scope(|scope| {
        let players: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| play_shares(first, count, &taken))).collect();
        for player in players {
            // Its own words were printed already.
            figures.add(player.join().unwrap_or_else(|_| panic!("a rule was broken: see above")));
        }
    });
    let Figures { turns, repairs, states, worlds, alone, longest, rested, in_pulls, digest } =
        figures;
    let took = began.elapsed();
    let rate = u128::from(count) * 1000 / took.as_millis().max(1);
    println!("{count} histories in {took:.1?}, {rate} a second: {turns} turns, {repairs} repairs");
    let (states, worlds) = (states.len(), worlds.len());
    let longest = Duration::from_millis(longest);
    println!(
        "{states} states, {worlds} with the world's; {rested} took over an hour to heal, the longest {longest:.0?}; digest {digest:016x}"
    );
    let (jumped, turned) = in_pulls;
    println!("in pulls the wall clock jumped {jumped} times, the registry turned {turned} times");
    print_table(&alone);
    // Histories in which little happens would prove nothing.
    if count >= 1000 {
        assert!(repairs > 1000 && states > 500 && rested > 0, "dull histories");
        assert!(jumped > 0 && turned > 0, "dull pulls");
    }
}
