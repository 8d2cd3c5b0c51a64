//! A history: what happens to a guest, and when. Made from one number, or written down.

use fastrand::Rng;
use saigak_agent::guest::CONCERNS;

use crate::agent::Saves;
use crate::fault::{Fault, Mends};
use crate::guest::Hands;
use crate::world::{Turn, Wrong};

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A fault.
    Strike(Fault),
    /// A person, or whoever runs the outside, mends one.
    Cure(Fault),
    /// Looks at this concern hang for so many milliseconds.
    Blind(usize, u64),
    /// The bus does not answer for so long.
    NoBus(u64),
    /// No event arrives for so long.
    Deaf(u64),
    /// Knocks at the server's port get lost for so long.
    NoKnocks(u64),
    /// Every concern is asked for at once.
    Storm,
    /// Remedies go like this from now on.
    Hands(Hands),
    /// Saves go like this from now on.
    Saves(Saves),
    /// The agent's process is killed; systemd starts it again after so long.
    AgentDies(u64),
    /// The guest boots anew.
    Reboot,
    /// The power is cut when so many of the agent's saves that are under way are on the disk; the
    /// guest boots anew.
    PowerCut(usize),
    /// The file of the agent's ledger is torn: by somebody else, or by a disk that lies.
    Torn,
    /// The noted lease is torn.
    NoteTorn,
    /// Looks at this concern fail for so many milliseconds.
    Fails(usize, u64),
    /// Looks at this concern bring what the last one has brought, for so long.
    Old(usize, u64),
    /// Events arrive late for so long, twice, and in any order.
    Late(u64),
    /// A person pauses repairs for so long.
    Pause(u64),
    /// The guest is suspended for so many milliseconds.
    Sleeps(u64),
    /// The GPU's driver answers again, and nobody else does anything about it.
    DriverBack,
    /// From now on the wall clock is so many seconds ahead, or behind: somebody has set it, or the
    /// host had stopped the whole VM, in which no other clock goes on meanwhile.
    WallJumps(i64),
    /// The registry answers otherwise, for so many milliseconds.
    Registry(Turn, u64),
    /// From now on something goes otherwise than in any guest.
    Physics(Wrong),
}

/// A history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each of them is switched on by itself")]
pub struct History {
    /// The number that it was made from, and that chance in it is made from.
    pub seed: u64,
    /// How long quick things take at most; see [`crate::guest::Guest::tempo`].
    pub tempo: u64,
    /// Whether cloud-init runs at each boot.
    pub cloud_init: bool,
    /// Whether a lease that has run out is repeated.
    pub repeats: bool,
    /// Whether downloads that were given up are removed where room is scarce.
    pub makes_room: bool,
    /// Whether a GPU is expected.
    pub gpu: bool,
    /// Where the guest is a container with a server that only behaves like one, as the lab has
    /// them, how long that takes to load a model, in milliseconds: see
    /// [`crate::world::World::contain`].
    pub contained: Option<u64>,
    /// What happens, in the order of its times, in milliseconds.
    pub events: Vec<(u64, Event)>,
    /// When everything that only a person can mend is mended, unless it is to stay.
    pub cured: u64,
    /// A fault that is never mended.
    pub stays: Option<Fault>,
    /// In how many milliseconds after that the guest must be Ready.
    pub within: u64,
}

/// After the last cure a guest is Ready within this time, whatever was before: one window of all
/// budgets, the first rest of a ladder, and what a ladder takes.
const BOUND: u64 = 2 * 3_600_000 + 1_200_000;

impl History {
    /// A history of `events`, given in seconds.
    #[must_use]
    pub fn of(events: &[(u64, Event)]) -> Self {
        let events: Vec<_> = events.iter().map(|(at, event)| (at * 1000, *event)).collect();
        let cured = events.last().map_or(0, |(at, _)| *at) + 1000;
        Self {
            seed: 0,
            tempo: 0,
            cloud_init: false,
            repeats: false,
            makes_room: false,
            gpu: false,
            contained: None,
            events,
            cured,
            stays: None,
            within: BOUND,
        }
    }

    /// The same; the guest must be Ready so many seconds after the last cure.
    #[must_use]
    pub fn heals_within(self, seconds: u64) -> Self {
        Self { within: seconds * 1000, ..self }
    }

    /// The same in a guest of which a GPU is expected.
    #[must_use]
    pub fn expecting_gpu(self) -> Self {
        Self { gpu: true, ..self }
    }

    /// The history that `seed` stands for.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let long = rng.u32(..50) == 0;
        let span = if long { 2_400_000 } else { rng.u64(5..60) * 1000 };
        let most = if long { 30 } else { 5 };
        let gpu = rng.u32(..6) == 0;
        let mut events: Vec<(u64, Event)> =
            (0..rng.usize(1..=most)).map(|_| (rng.u64(..span), event(&mut rng, gpu))).collect();
        // What comes and goes.
        if rng.u32(..4) == 0 {
            let fault = fault(&mut rng, gpu);
            let period = rng.u64(2..40) * 1000;
            for time in 0..rng.u64(2..8) {
                let at = time * period;
                events.push((at, Event::Strike(fault)));
                events.push((at + rng.u64(1..=period), Event::Cure(fault)));
            }
        }
        // By a chance of its own, so that nothing else hangs on it.
        events.extend(around_a_pull(&mut Rng::with_seed(!seed), span));
        events.sort_by_key(|(at, _)| *at);
        let cured = events.last().map_or(0, |(at, _)| *at) + rng.u64(1..20_000);
        Self {
            seed,
            tempo: if rng.u32(..64) == 0 { 80 } else { 0 },
            cloud_init: rng.u32(..5) == 0,
            repeats: rng.u32(..4) == 0,
            makes_room: rng.u32(..2) == 0,
            gpu,
            contained: None,
            events,
            cured,
            stays: None,
            within: BOUND,
        }
    }

    /// The faults that are there once all has happened.
    pub fn struck(&self) -> impl Iterator<Item = Fault> {
        self.events.iter().filter_map(|(_, event)| match event {
            Event::Strike(fault) => Some(*fault),
            _ => None,
        })
    }
}

/// In one of eight histories a pull, and what may come in its middle.
fn around_a_pull(rng: &mut Rng, span: u64) -> Vec<(u64, Event)> {
    if rng.u32(..8) > 0 {
        return Vec::new();
    }
    let at = rng.u64(..span);
    let brief = rng.u64(1..120_000);
    let event = match rng.u32(..6) {
        0 => Event::Registry(Turn::TagMoves, 0),
        1 => Event::Registry(Turn::Garbles, brief),
        2 => Event::Registry(Turn::Refuses, brief),
        _ => Event::WallJumps(rng.i64(-2 * AN_HOUR..=2 * AN_HOUR)),
    };
    vec![(at, Event::Strike(Fault::BothDeleted)), (at + rng.u64(2000..45_000), event)]
}

/// In seconds: the window of all budgets. Whoever counted by the wall clock would forget them, or
/// count for too long.
const AN_HOUR: i64 = 3600;

/// Any fault of a guest; one of its GPU only where that is expected, and then more often.
fn fault(rng: &mut Rng, gpu: bool) -> Fault {
    let of_gpu = gpu && rng.u32(..3) == 0;
    let mut known = Fault::ALL.into_iter().filter(|fault| fault.is_of_gpu() == of_gpu);
    let at = rng.usize(..known.clone().count());
    known.nth(at).unwrap_or(Fault::Killed)
}

fn event(rng: &mut Rng, gpu: bool) -> Event {
    let brief = rng.u64(1..60_000);
    let concern = rng.usize(..CONCERNS.len());
    match rng.u32(..110) {
        0..62 => Event::Strike(fault(rng, gpu)),
        62..65 => Event::Blind(concern, brief),
        65..68 => Event::Fails(concern, brief),
        68..70 => Event::Old(concern, brief),
        70..72 => Event::Late(brief * 2),
        72..75 => Event::NoBus(brief),
        75..78 => Event::Deaf(brief * 2),
        78..80 => Event::NoKnocks(brief),
        80..82 => Event::Storm,
        82..89 => Event::Hands(HANDS[rng.usize(..HANDS.len())]),
        89..93 => Event::Saves([Saves::Fail, Saves::Slow(brief), Saves::Quick][rng.usize(..3)]),
        93..97 => Event::AgentDies(rng.u64(100..8000)),
        97..99 => Event::Reboot,
        99..102 => Event::PowerCut(rng.usize(..3)),
        102 => Event::Torn,
        103 => Event::NoteTorn,
        104..106 => Event::Pause(brief * 4),
        106..108 => Event::Sleeps(rng.u64(1..1_200_000)),
        _ => Event::WallJumps(rng.i64(-1_000_000_000..1_000_000_000)),
    }
}

/// Ways in which remedies go.
const HANDS: [Hands; 7] =
    [Hands::Fail, Hands::Hang, Hands::Half, Hands::Lie, Hands::Late, Hands::Worse, Hands::Honest];

/// Whether somebody other than the agent must act for `fault` to go.
#[must_use]
pub fn needs_cure(fault: Fault) -> bool {
    matches!(fault.mends(), Mends::Person | Mends::Nobody)
}
