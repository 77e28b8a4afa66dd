//! Where the vertices of a graph go. Each connected part is laid out by itself: a path as rows, a circle as a circle, a
//! part with leaves in layers above them, anything else on a circle. How they look is in [`super::svg`].

use std::collections::VecDeque;
use std::f64::consts::TAU;

use super::Graph;

/// The most vertices in a row of a path.
const ROW: usize = 6;
/// Between parts that are not connected, in pixels.
const GAP: f64 = 120.0;

/// A point in pixels, to the right and down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// The centre of each vertex.
pub(super) fn place(graph: &Graph<'_>) -> Vec<Point> {
    let neighbours = graph.neighbours();
    let spacing = Spacing::new(graph);
    let mut points = vec![Point::default(); neighbours.len()];
    let mut top = 0.0;
    for part in parts(&neighbours) {
        let placed = arrange(&part, &neighbours, &spacing);
        let (lowest, highest) = extent(placed.iter().map(|(_, point)| point.y));
        let (leftmost, _) = extent(placed.iter().map(|(_, point)| point.x));
        for (vertex, point) in placed {
            points[vertex] = Point {
                x: point.x - leftmost,
                y: point.y - lowest + top,
            };
        }
        top += highest - lowest + GAP;
    }
    points
}

/// The least and the greatest.
pub(super) fn extent(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| {
        (low.min(number), high.max(number))
    })
}

/// Distances that leave room for the texts.
struct Spacing {
    /// Along a wire that carries the texts of both ends.
    wire: f64,
    /// Between neighbours in a layer.
    vertex: f64,
}

impl Spacing {
    fn new(graph: &Graph<'_>) -> Self {
        let ends = graph.wires.iter().flat_map(|wire| &wire.ends);
        let text = ends
            .map(|end| super::svg::text_width(&end.lines))
            .fold(0.0, f64::max);
        let node = graph
            .vertices
            .iter()
            .map(super::svg::box_width)
            .fold(0.0, f64::max);
        Self {
            wire: node + 2.0 * text + 50.0,
            vertex: node + 26.0,
        }
    }
}

/// The connected parts, vertices in their order.
fn parts(neighbours: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; neighbours.len()];
    let mut parts = Vec::new();
    for start in 0..neighbours.len() {
        if !seen[start] {
            let distance = distances(&[start], neighbours);
            let part: Vec<_> = (0..neighbours.len())
                .filter(|vertex| distance[*vertex].is_some())
                .collect();
            part.iter().for_each(|vertex| seen[*vertex] = true);
            parts.push(part);
        }
    }
    parts
}

/// Steps from the nearest of the vertices `from`; `None` where there is no way.
fn distances(from: &[usize], neighbours: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut distance = vec![None; neighbours.len()];
    from.iter().for_each(|vertex| distance[*vertex] = Some(0));
    let mut queue: VecDeque<_> = from.iter().map(|vertex| (*vertex, 0)).collect();
    while let Some((vertex, steps)) = queue.pop_front() {
        for &next in &neighbours[vertex] {
            if distance[next].is_none() {
                distance[next] = Some(steps + 1);
                queue.push_back((next, steps + 1));
            }
        }
    }
    distance
}

fn arrange(part: &[usize], neighbours: &[Vec<usize>], spacing: &Spacing) -> Vec<(usize, Point)> {
    let leaves: Vec<_> = part
        .iter()
        .copied()
        .filter(|vertex| neighbours[*vertex].len() <= 1)
        .collect();
    let narrow = part.iter().all(|vertex| neighbours[*vertex].len() <= 2);
    match leaves.first() {
        Some(&leaf) if narrow => rows(&walk(leaf, neighbours), spacing),
        None if narrow => circle(&walk(part[0], neighbours), spacing),
        Some(_) => layers(part, &leaves, neighbours, spacing),
        None => circle(part, spacing),
    }
}

/// The vertices of a path or circle, from one to the next.
fn walk(start: usize, neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut order = vec![start];
    let mut seen = vec![false; neighbours.len()];
    seen[start] = true;
    while let Some(&next) = order
        .last()
        .and_then(|last| neighbours[*last].iter().filter(|next| !seen[**next]).min())
    {
        seen[next] = true;
        order.push(next);
    }
    order
}

/// To the right, down, to the left, and so on, in rows of about the same length.
fn rows(order: &[usize], spacing: &Spacing) -> Vec<(usize, Point)> {
    let row_length = order.len().div_ceil(order.len().div_ceil(ROW)).max(1);
    let point = |index: usize| {
        let (row, column) = (index / row_length, index % row_length);
        let column = if row % 2 == 0 {
            column
        } else {
            row_length - 1 - column
        };
        Point {
            x: column as f64 * spacing.wire,
            y: row as f64 * spacing.wire,
        }
    };
    placed(order, point)
}

/// Each vertex at the point of its number in the order.
fn placed(order: &[usize], point: impl Fn(usize) -> Point) -> Vec<(usize, Point)> {
    let numbered = order.iter().enumerate();
    numbered
        .map(|(index, vertex)| (*vertex, point(index)))
        .collect()
}

fn circle(order: &[usize], spacing: &Spacing) -> Vec<(usize, Point)> {
    let count = order.len() as f64;
    // Neighbours on the circle are one wire apart: the chord of their angle.
    let radius = spacing.wire / (2.0 * (TAU / (2.0 * count)).sin()).max(f64::EPSILON);
    let radius = if order.len() > 1 { radius } else { 0.0 };
    let angle = |index: usize| TAU * (index as f64 / count - 0.25);
    let point = |index: usize| Point {
        x: radius * angle(index).cos(),
        y: radius * angle(index).sin(),
    };
    placed(order, point)
}

/// Leaves at the bottom, each other vertex as many layers above as it is steps away from the nearest leaf.
fn layers(
    part: &[usize],
    leaves: &[usize],
    neighbours: &[Vec<usize>],
    spacing: &Spacing,
) -> Vec<(usize, Point)> {
    let distance = distances(leaves, neighbours);
    let depth = part
        .iter()
        .filter_map(|vertex| distance[*vertex])
        .max()
        .unwrap_or(0);
    let layer = |depth: usize| {
        part.iter()
            .copied()
            .filter(|vertex| distance[*vertex] == Some(depth))
            .collect()
    };
    let layers: Vec<Vec<usize>> = (0..=depth).map(layer).collect();
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1);
    let width = widest as f64 * spacing.vertex;
    let mut x = vec![0.0; neighbours.len()];
    let mut placed = Vec::new();
    for (depth, mut layer) in layers.into_iter().enumerate() {
        if depth > 0 {
            // Above the middle of its neighbours below, where that can be.
            let middle = |vertex: &usize| {
                let below: Vec<_> = neighbours[*vertex]
                    .iter()
                    .filter(|next| distance[**next] == Some(depth - 1))
                    .collect();
                below.iter().map(|next| x[**next]).sum::<f64>() / below.len().max(1) as f64
            };
            layer.sort_by(|one, two| middle(one).total_cmp(&middle(two)));
        }
        let step = width / layer.len() as f64;
        for (index, vertex) in layer.into_iter().enumerate() {
            x[vertex] = (index as f64 + 0.5) * step;
            placed.push((
                vertex,
                Point {
                    x: x[vertex],
                    y: -(depth as f64) * spacing.wire,
                },
            ));
        }
    }
    placed
}
