//! Where the rows of a plan are in memory: those of all sizes share one piece of it, each from the step that first writes it to its last reader.

use super::super::simd::LANES;
use super::plan::{Plan, nested};
use super::planes::Planes;

/// Where everything is for so many images.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) images: usize,
    /// Where the rows of each size begin.
    rows: Vec<Vec<usize>>,
    /// Numbers in all.
    pub(super) total: usize,
}

impl Layout {
    /// For so many images.
    pub(super) fn new(plan: &Plan, images: usize) -> Self {
        let (rows, end) = share(plan, |planes| planes.row(images));
        // The last row is read beyond its end, though nobody looks at what is found there.
        let beyond = plan.planes.iter().map(|planes| planes.lead() + LANES).max().unwrap_or(0);
        Self { images, rows, total: end + beyond }
    }

    /// Bytes that it takes itself.
    pub(super) fn bytes(&self) -> usize {
        nested(&self.rows)
    }

    /// Where a row begins.
    pub(super) fn row(&self, planes: usize, slot: u32) -> usize {
        self.rows[planes][slot as usize]
    }
}

/// Numbers that one image takes while a plan runs.
pub(super) fn size(plan: &Plan) -> usize {
    share(plan, Planes::area).1
}

/// Where rows of such lengths begin, and where the last of them ends.
fn share(plan: &Plan, length: impl Fn(&Planes) -> usize) -> (Vec<Vec<usize>>, usize) {
    let mut begins: Vec<Vec<(usize, u32)>> = vec![Vec::new(); plan.steps.len() + 1];
    let mut ends = begins.clone();
    for (planes, rows) in plan.rows.iter().enumerate() {
        for (slot, steps) in rows.iter().enumerate() {
            begins[steps.start].push((planes, slot as u32));
            ends[steps.end].push((planes, slot as u32));
        }
    }
    let mut places: Vec<Vec<usize>> = plan.rows.iter().map(|rows| vec![0; rows.len()]).collect();
    let mut gaps = Gaps { gaps: Vec::new(), end: 0 };
    for (begins, ends) in begins.into_iter().zip(ends) {
        for (planes, slot) in ends {
            gaps.give_back(places[planes][slot as usize], length(&plan.planes[planes]));
        }
        for (planes, slot) in begins {
            places[planes][slot as usize] = gaps.take(length(&plan.planes[planes]));
        }
    }
    (places, gaps.end)
}

/// What is free below the end of all that was ever taken.
struct Gaps {
    /// `(first place, length)`, in order, none beside another.
    gaps: Vec<(usize, usize)>,
    end: usize,
}

impl Gaps {
    /// Takes the smallest gap that is large enough, or room at the end.
    fn take(&mut self, length: usize) -> usize {
        let fits = self.gaps.iter().enumerate().filter(|(_, gap)| gap.1 >= length);
        if let Some((position, &(place, room))) = fits.min_by_key(|(_, gap)| gap.1) {
            if room == length {
                self.gaps.remove(position);
            } else {
                self.gaps[position] = (place + length, room - length);
            }
            return place;
        }
        let place = match self.gaps.last() {
            Some(&(place, room)) if place + room == self.end => {
                self.gaps.pop();
                place
            }
            _ => self.end,
        };
        self.end = place + length;
        place
    }

    fn give_back(&mut self, place: usize, length: usize) {
        let position = self.gaps.partition_point(|gap| gap.0 < place);
        self.gaps.insert(position, (place, length));
        for left in [position, position.wrapping_sub(1)] {
            if let Some(&[(start, room), (next, more)]) = self.gaps.get(left..).and_then(|gaps| gaps.first_chunk())
                && start + room == next
            {
                self.gaps[left] = (start, room + more);
                self.gaps.remove(left + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_taken_again_and_grows_together() {
        let mut gaps = Gaps { gaps: Vec::new(), end: 0 };
        let taken: Vec<usize> = [10, 20, 30, 5].into_iter().map(|length| gaps.take(length)).collect();
        assert_eq!(taken, [0, 10, 30, 60]);
        gaps.give_back(0, 10);
        gaps.give_back(30, 30);
        assert_eq!((gaps.take(8), gaps.gaps.clone()), (0, vec![(8, 2), (30, 30)]), "the smallest that is large enough");
        gaps.give_back(10, 20);
        assert_eq!(gaps.gaps, [(8, 52)]);
        gaps.give_back(60, 5);
        assert_eq!((gaps.take(60), gaps.end, gaps.gaps.len()), (8, 68, 0), "the last gap and more");
    }
}
