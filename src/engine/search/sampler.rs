//! Drawing candidates: from the posterior and from the baselines, again and again until one meets the constraint.

use crate::graph::{ChannelCost, Cost, Granularity, Graph, MaskGroupId, Node};
use crate::posterior::{DropProbability, HardMask, Posterior, SizeClasses, bernoulli, drawn, matched_on_parameters, rearranged};
use crate::preset::{Between, Constraint};
use crate::random::{Purpose, stream};
use crate::run::{Acceptance, Source, Spread};
use std::sync::Arc;

/// Draws in a row that may miss the constraint before a source is given up.
const PATIENCE: u64 = 10_000;

/// The same where each of them has to be sliced to know what it costs, which takes milliseconds of a deep network.
const SLICED_PATIENCE: u64 = 1_000;

/// The same where each of them has to be measured.
const MEASURED_PATIENCE: u64 = 300;

/// What is ranked, with its source and its index in the random stream of that source.
pub(super) struct Draw {
    pub(super) source: Source,
    pub(super) index: u64,
    pub(super) what: Sampled,
}

impl Draw {
    /// Its mask, where it is a sub-network.
    pub(super) fn mask(&self) -> Option<&HardMask> {
        match &self.what {
            Sampled::Network(mask) => Some(mask),
            Sampled::Rate(_) => None,
        }
    }
}

pub(super) enum Sampled {
    /// A sub-network.
    Network(HardMask),
    /// The super-network under fresh masks for every image, at this drop probability.
    Rate(DropProbability),
}

/// Draws from one posterior.
pub(super) struct Sampler {
    seed: u64,
    graph: Arc<Graph>,
    whole: Cost,
    costs: Vec<ChannelCost>,
    /// The most parameters that slicing adds.
    offsets: f64,
    posterior: Posterior,
    one: DropProbability,
    channels: Vec<usize>,
    classes: SizeClasses,
    granularity: Granularity,
    constraint: Constraint,
    sources: Vec<Stream>,
}

/// How far the random stream of a source has been drawn.
struct Stream {
    source: Source,
    first: u64,
    next: u64,
    accepted: u64,
    given_up: Option<String>,
}

/// What was seen of the draws of one candidate that had to be looked at closely.
#[derive(Default)]
struct Looks {
    sliced: u64,
    measured: u64,
    /// The fewest and the most parameters and multiply-accumulates among the sliced ones.
    parameters: Option<[f64; 2]>,
    macs: Option<[f64; 2]>,
}

impl Looks {
    fn slice(&mut self, cost: Cost) {
        self.sliced += 1;
        for (range, value) in [(&mut self.parameters, cost.parameters), (&mut self.macs, cost.macs)] {
            let [least, most] = range.unwrap_or([value; 2]);
            *range = Some([least.min(value), most.max(value)]);
        }
    }

    fn patient(&self) -> bool {
        self.sliced < SLICED_PATIENCE && self.measured < MEASURED_PATIENCE
    }

    /// What is known of those that were refused, for whoever wrote the constraint.
    fn told(&self) -> String {
        let (Some([fewest, most]), Some([least, largest])) = (self.parameters, self.macs) else { return String::new() };
        format!(
            "; {} that had to be sliced have {fewest:.0} to {most:.0} parameters and {least:.0} to {largest:.0} multiply-accumulates",
            self.sliced
        )
    }
}

impl Sampler {
    /// Draws from a posterior over the groups of a graph; so many of the posterior stream are drawn already.
    pub(super) fn new(
        seed: u64,
        graph: Arc<Graph>,
        posterior: &Posterior,
        (granularity, constraint): (Granularity, Constraint),
        drawn: u64,
    ) -> Self {
        let inputs = |node: &Node| node.inputs.iter().map(|&input| graph.node(input).shape.channels).sum::<usize>();
        let stream = |source, first| Stream { source, first, next: first, accepted: 0, given_up: None };
        Self {
            seed,
            whole: graph.cost(),
            costs: (0..graph.groups().len()).map(|group| graph.channel_cost(MaskGroupId::from_index(group))).collect(),
            offsets: graph.nodes().iter().map(|node| node.shape.channels + inputs(node)).sum::<usize>() as f64,
            posterior: posterior.clone(),
            one: matched_on_parameters(posterior, &graph),
            channels: posterior.channels().to_vec(),
            classes: SizeClasses::new(posterior.channels()),
            granularity,
            constraint,
            sources: vec![
                stream(Source::Posterior, drawn),
                stream(Source::Random, 0),
                stream(Source::Uniform, 0),
                stream(Source::Constant, 0),
            ],
            graph,
        }
    }

    /// The next candidate of a source that meets the constraint; `None` where it was given up, or is no source of samples. `measure` tells
    /// the latency of a mask in milliseconds, and is asked where a bound on it is all that is left to meet.
    pub(super) fn draw(&mut self, source: Source, measure: &dyn Fn(&HardMask) -> f64) -> Option<Draw> {
        let place = self.sources.iter().position(|stream| stream.source == source && stream.given_up.is_none())?;
        let mut looks = Looks::default();
        for _ in 0..PATIENCE {
            if !looks.patient() {
                break;
            }
            let index = self.sources[place].next;
            self.sources[place].next += 1;
            let what = self.sampled(source, index)?;
            let mut allowed = self.allows(&what, &mut looks);
            if let Sampled::Network(mask) = &what
                && allowed
                && self.constraint.latency != Between::ANY
            {
                looks.measured += 1;
                allowed = self.constraint.latency.holds(measure(mask));
            }
            if allowed {
                self.sources[place].accepted += 1;
                return Some(Draw { source, index, what });
            }
        }
        self.sources[place].given_up = Some(looks.told());
        None
    }

    fn sampled(&self, source: Source, index: u64) -> Option<Sampled> {
        let generator = |purpose| stream(self.seed, purpose, index);
        Some(Sampled::Network(match source {
            Source::Posterior => drawn(&self.posterior, self.granularity, &mut generator(Purpose::Candidate)),
            Source::Random => rearranged(&self.posterior, &self.classes, self.granularity, &mut generator(Purpose::RandomCandidate)),
            Source::Uniform => {
                let mut generator = generator(Purpose::UniformCandidate);
                match self.posterior.choices() {
                    None => bernoulli(&vec![self.one; self.channels.len()], &self.channels, self.granularity, &mut generator),
                    Some(choices) => choices.mask(&choices.any(&mut generator)),
                }
            }
            Source::Constant => return Some(Sampled::Rate(self.one)),
            Source::Whole | Source::Threshold => return None,
        }))
    }

    fn allows(&self, what: &Sampled, looks: &mut Looks) -> bool {
        let Sampled::Network(mask) = what else { return true };
        let Constraint { parameters, macs, kept, .. } = self.constraint;
        if !kept.holds(mask.kept_share()) {
            return false;
        }
        if parameters == Between::ANY && macs == Between::ANY {
            return true;
        }
        // Slicing takes more away than the mask does. It adds no multiply-accumulates, and of parameters only
        // offsets, at most one for each channel that a node reads or has.
        let counted = self.counted(mask);
        let most = Cost { parameters: counted.parameters + self.offsets, macs: counted.macs };
        if most.macs <= macs.above || most.parameters <= parameters.above {
            return false;
        }
        let below = |bound: Between, most: f64| bound == Between::ANY || bound.above == f64::NEG_INFINITY && most < bound.below;
        if below(parameters, most.parameters) && below(macs, most.macs) {
            return true;
        }
        self.graph.sliced_cost(mask.bits()).is_ok_and(|cost| {
            looks.slice(cost);
            self.constraint.allows(cost.parameters, cost.macs, mask.kept_share())
        })
    }

    /// How far sub-networks of the posterior differ by the paper's count, whatever the constraint; drawn apart from candidates, so that it
    /// changes none.
    pub(super) fn spread(&self, index: u64) -> Option<Spread> {
        const DRAWN: usize = 100;
        const TAIL: usize = 5;
        let mut generator = stream(self.seed, Purpose::Spread, index);
        let mut parameters: Vec<f64> =
            (0..DRAWN).map(|_| self.counted(&drawn(&self.posterior, self.granularity, &mut generator)).parameters).collect();
        parameters.sort_by(f64::total_cmp);
        Some(Spread { low: *parameters.get(TAIL)?, high: *parameters.get(DRAWN - 1 - TAIL)? })
    }

    /// What a mask leaves, by the paper's count: quickly known, as nothing is sliced for it.
    fn counted(&self, mask: &HardMask) -> Cost {
        let Cost { mut parameters, mut macs } = self.whole;
        for ((kept, channels), cost) in mask.kept_per_group(&self.graph).into_iter().zip(&self.channels).zip(&self.costs) {
            let dropped = (channels - kept) as f64;
            parameters -= dropped * cost.parameters as f64;
            macs -= dropped * cost.macs as f64;
        }
        Cost { parameters, macs }
    }

    /// The next index of the posterior stream.
    pub(super) fn drawn(&self) -> u64 {
        self.sources[0].next
    }

    /// Of each source that was drawn from under a constraint, how many draws met it.
    pub(super) fn acceptance(&self) -> Vec<Acceptance> {
        let constrained = self.sources.iter().filter(|stream| stream.source != Source::Constant && stream.next > stream.first);
        let acceptance =
            |stream: &Stream| Acceptance { source: stream.source, drawn: stream.next - stream.first, accepted: stream.accepted };
        if self.constraint == Constraint::NONE { Vec::new() } else { constrained.map(acceptance).collect() }
    }

    /// Sources that were given up, each with what is known of its draws.
    pub(super) fn given_up(&self) -> impl Iterator<Item = (Source, &str)> {
        self.sources.iter().filter_map(|stream| Some((stream.source, stream.given_up.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::families::Edges;
    use crate::graph::{Operation, Shape};

    fn sampler(constraint: &str) -> Sampler {
        let operations = vec![Operation::Conv3, Operation::Separable3, Operation::Identity];
        let family = Edges { input: Shape::map(1, 8, 8), classes: 10, stem_stride: 1, stages: vec![4, 8], blocks: 1, nodes: 2, operations };
        let graph = Arc::new(family.build().unwrap());
        let posterior = Posterior::uniform(&graph, DropProbability::new(0.4).unwrap());
        Sampler::new(1, graph, &posterior, (Granularity::Channel, constraint.parse().unwrap()), 7)
    }

    fn untimed(_: &HardMask) -> f64 {
        unreachable!("no bound on latency")
    }

    #[test]
    fn latency_is_measured_last_and_patience_with_it_is_short() {
        let mut bound = sampler("kept > .6, latency < 5ms");
        let times = std::cell::Cell::new(0);
        let every_third = |mask: &HardMask| {
            assert!(mask.kept_share() > 0.6, "what is refused anyhow is not measured");
            times.set(times.get() + 1);
            if times.get() % 3 == 0 { 4.0 } else { 6.0 }
        };
        assert!((0..5).all(|_| bound.draw(Source::Posterior, &every_third).is_some()));
        assert_eq!(times.get(), 15);
        let told = bound.acceptance()[0];
        assert!(told.accepted == 5 && told.drawn > 15, "{told:?}");
        assert!(bound.draw(Source::Random, &|_| 6.0).is_none());
        assert_eq!(bound.given_up().collect::<Vec<_>>(), [(Source::Random, "")]);
    }

    fn mask(draw: &Draw) -> &HardMask {
        let Sampled::Network(mask) = &draw.what else { panic!("this is no network") };
        mask
    }

    #[test]
    fn what_is_drawn_meets_the_constraint_and_is_the_same_draw_as_without() {
        let (mut free, mut bound) = (sampler(""), sampler("kept > .6"));
        assert!(free.acceptance().is_empty());
        for source in [Source::Posterior, Source::Random, Source::Uniform] {
            let all: Vec<Draw> = (0..200).map(|_| free.draw(source, &untimed).unwrap()).collect();
            let expected: Vec<&Draw> = all.iter().filter(|draw| mask(draw).kept_share() > 0.6).take(20).collect();
            let met: Vec<Draw> = (0..20).map(|_| bound.draw(source, &untimed).unwrap()).collect();
            for (met, expected) in met.iter().zip(expected) {
                assert_eq!((met.index, mask(met)), (expected.index, mask(expected)), "{source:?}");
            }
            let told = bound.acceptance().into_iter().find(|told| told.source == source).unwrap();
            assert!(told.accepted == 20 && told.drawn > 25, "{told:?}");
        }
        assert_eq!(free.drawn(), 207);
        assert!(bound.draw(Source::Constant, &untimed).is_some() && bound.acceptance().len() == 3, "a rate is exempt");
        assert!(bound.draw(Source::Whole, &untimed).is_none());
    }

    #[test]
    fn a_bound_on_parameters_is_on_those_of_the_sliced_network() {
        let mut free = sampler("");
        let graph = free.graph.clone();
        let sliced = |draw: &Draw| graph.sliced_cost(mask(draw).bits()).unwrap().parameters;
        let all: Vec<Draw> = (0..60).map(|_| free.draw(Source::Posterior, &untimed).unwrap()).collect();
        let limit = sliced(&all[0]) + 1.0;
        assert!(free.counted(mask(&all[0])).parameters > limit, "the paper counts filters that nobody reads");
        let expected: Vec<u64> = all.iter().filter(|draw| sliced(draw) < limit).map(|draw| draw.index).take(5).collect();
        let mut bound = sampler(&format!("params < {limit}"));
        let met: Vec<u64> = expected.iter().map(|_| bound.draw(Source::Posterior, &untimed).unwrap().index).collect();
        assert_eq!(met, expected);
        assert_eq!(met[0], all[0].index, "its sliced network meets the bound, whatever the paper counts");
    }

    #[test]
    fn a_bound_on_multiply_accumulates_is_on_those_of_the_sliced_network() {
        let mut free = sampler("");
        let graph = free.graph.clone();
        let sliced = |draw: &Draw| graph.sliced_cost(mask(draw).bits()).unwrap().macs;
        let all: Vec<Draw> = (0..60).map(|_| free.draw(Source::Random, &untimed).unwrap()).collect();
        assert!(all.iter().all(|draw| sliced(draw) <= free.counted(mask(draw)).macs), "what is refused unsliced is refused rightly");
        let limit = sliced(&all[7]);
        for sign in ['>', '<'] {
            let holds = |macs: f64| if sign == '>' { macs > limit } else { macs < limit };
            let expected: Vec<u64> = all.iter().filter(|draw| holds(sliced(draw))).map(|draw| draw.index).take(5).collect();
            let mut bound = sampler(&format!("macs {sign} {limit}"));
            let met: Vec<u64> = expected.iter().map(|_| bound.draw(Source::Random, &untimed).unwrap().index).collect();
            assert_eq!(met, expected, "macs {sign} {limit}");
        }
    }

    #[test]
    fn a_source_that_never_meets_it_is_given_up() {
        let mut bound = sampler("kept > .999");
        assert!(bound.draw(Source::Posterior, &untimed).is_none() && bound.draw(Source::Posterior, &untimed).is_none());
        assert_eq!(bound.given_up().collect::<Vec<_>>(), [(Source::Posterior, "")]);
        assert_eq!(bound.acceptance(), [Acceptance { source: Source::Posterior, drawn: PATIENCE, accepted: 0 }]);
    }

    #[test]
    fn few_are_sliced_for_a_bound_that_nothing_meets_and_what_they_cost_is_told() {
        let mut bound = sampler("params < 3");
        assert!(bound.draw(Source::Posterior, &untimed).is_none());
        assert_eq!(bound.acceptance(), [Acceptance { source: Source::Posterior, drawn: SLICED_PATIENCE, accepted: 0 }]);
        let (source, told) = bound.given_up().next().unwrap();
        let smallest = (7..7 + SLICED_PATIENCE).map(|index| {
            let Some(Sampled::Network(mask)) = bound.sampled(Source::Posterior, index) else { panic!("no network") };
            bound.graph.sliced_cost(mask.bits()).unwrap().parameters
        });
        let smallest = smallest.fold(f64::INFINITY, f64::min);
        assert!(source == Source::Posterior && told.contains(&format!("have {smallest:.0} to ")), "{smallest} {told}");
        let mut bound = sampler("params > 1M");
        assert!(bound.draw(Source::Posterior, &untimed).is_none());
        assert_eq!(bound.acceptance()[0].drawn, PATIENCE, "what the count refuses is not sliced");
    }

    #[test]
    fn what_is_accepted_or_refused_unsliced_is_so_rightly() {
        let free = sampler("");
        for index in 0..200 {
            let Some(Sampled::Network(mask)) = free.sampled(Source::Posterior, index) else { panic!("no network") };
            let (sliced, counted) = (free.graph.sliced_cost(mask.bits()).unwrap(), free.counted(&mask));
            assert!(sliced.parameters <= counted.parameters + free.offsets && sliced.macs <= counted.macs);
        }
    }
}
