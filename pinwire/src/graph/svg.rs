//! A laid-out graph as SVG 1.1: boxes for nodes, dashed ones for the host's interfaces, wires with a text at each end.

use std::fmt::Write;

use super::layout::{Point, extent};
use super::{DrawnEnd, Graph, Vertex, Wire};

const MARGIN: f64 = 40.0;
const BOX_HEIGHT: f64 = 30.0;
/// Widths of a character of the two sizes of text, in pixels; a little more than most fonts need.
const NAME_CHARACTER: f64 = 8.2;
const LABEL_CHARACTER: f64 = 5.6;
/// Between a box and the text of a wire.
const LABEL_DISTANCE: f64 = 8.0;
/// Two wires that leave a box at less than this angle, in radians, have no room for two texts side by side.
const NARROW: f64 = 0.2;

/// The width of a vertex's box.
pub(super) fn box_width(vertex: &Vertex) -> f64 {
    (vertex.label.chars().count() as f64 * NAME_CHARACTER + 20.0).max(48.0)
}

/// The width of the text of one end.
pub(super) fn text_width(lines: &[String]) -> f64 {
    lines
        .iter()
        .map(|line| line.chars().count() + 1)
        .sum::<usize>() as f64
        * LABEL_CHARACTER
}

/// Draws the graph with its vertices at the given points.
pub(super) fn draw(graph: &Graph<'_>, points: &[Point]) -> String {
    let half = graph.vertices.iter().map(box_width).fold(0.0, f64::max) / 2.0;
    let (left, right) = extent(points.iter().map(|point| point.x));
    let (top, bottom) = extent(points.iter().map(|point| point.y));
    let (x, y) = (left - half - MARGIN, top - BOX_HEIGHT - MARGIN);
    let (width, height) = (
        right - left + 2.0 * (half + MARGIN),
        bottom - top + 2.0 * (BOX_HEIGHT + MARGIN),
    );
    // Writing to a string does not fail.
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{x:.1} {y:.1} {width:.1} {height:.1}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\">\n\
         <title>{}</title>\n\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        graph.name
    );
    let shifts = shifts(graph, points);
    for (wire, shifts) in graph.wires.iter().zip(&shifts) {
        draw_wire(wire, *shifts, graph, points, &mut text);
    }
    for (vertex, point) in graph.vertices.iter().zip(points) {
        draw_vertex(vertex, *point, &mut text);
    }
    text + "</svg>\n"
}

fn draw_vertex(vertex: &Vertex, Point { x, y }: Point, text: &mut String) {
    let width = box_width(vertex);
    let (fill, dash) = if vertex.host {
        ("#ffffff", " stroke-dasharray=\"4 3\"")
    } else {
        ("#e8f0fa", "")
    };
    let _ = writeln!(
        text,
        "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{BOX_HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"#30507a\"{dash}/>\n\
         <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"13\" text-anchor=\"middle\" fill=\"#10243f\">{}</text>",
        x - width / 2.0,
        y - BOX_HEIGHT / 2.0,
        y + 4.5,
        escape(&vertex.label),
    );
}

/// How far the text of each end moves away from its box: where two wires leave a box side by side, one text stands
/// behind the other.
fn shifts(graph: &Graph<'_>, points: &[Point]) -> Vec<[f64; 2]> {
    let mut leaving = vec![Vec::new(); points.len()];
    for (index, wire) in graph.wires.iter().enumerate() {
        for side in [0, 1] {
            let (near, far) = (
                points[wire.ends[side].vertex],
                points[wire.ends[1 - side].vertex],
            );
            leaving[wire.ends[side].vertex].push((
                (far.y - near.y).atan2(far.x - near.x),
                index,
                side,
            ));
        }
    }
    let mut shifts = vec![[0.0; 2]; graph.wires.len()];
    for mut ends in leaving {
        ends.sort_by(|one, two| one.0.total_cmp(&two.0));
        for pair in ends.windows(2) {
            let [(angle, index, side), (next_angle, next_index, next_side)] = [pair[0], pair[1]];
            if next_angle - angle < NARROW && shifts[index][side] == 0.0 {
                shifts[next_index][next_side] = text_width(&graph.wires[index].ends[side].lines);
            }
        }
    }
    shifts
}

fn draw_wire(
    Wire { ends: [one, two] }: &Wire,
    shifts: [f64; 2],
    graph: &Graph<'_>,
    points: &[Point],
    text: &mut String,
) {
    let (from, to) = (points[one.vertex], points[two.vertex]);
    let _ = writeln!(
        text,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"#7088a8\" stroke-width=\"1.2\"/>",
        from.x, from.y, to.x, to.y
    );
    let ends = [(one, (from, to)), (two, (to, from))];
    for ((end, way), shift) in ends.into_iter().zip(shifts) {
        draw_label(end, &graph.vertices[end.vertex], shift, way, text);
    }
}

/// Writes along the wire, beginning `shift` beyond the edge of the box at `near`, never upside down.
fn draw_label(
    end: &DrawnEnd,
    vertex: &Vertex,
    shift: f64,
    (near, far): (Point, Point),
    text: &mut String,
) {
    if end.lines.is_empty() {
        return;
    }
    let (dx, dy) = (far.x - near.x, far.y - near.y);
    let length = dx.hypot(dy).max(1.0);
    let (cos, sin) = (dx / length, dy / length);
    // Where the wire leaves the box.
    let across = if cos.abs() > 1e-9 {
        box_width(vertex) / 2.0 / cos.abs()
    } else {
        f64::INFINITY
    };
    let down = if sin.abs() > 1e-9 {
        BOX_HEIGHT / 2.0 / sin.abs()
    } else {
        f64::INFINITY
    };
    let start = across.min(down) + LABEL_DISTANCE + shift;
    let (x, y) = (near.x + cos * start, near.y + sin * start);
    let angle = dy.atan2(dx).to_degrees();
    let backwards = !(-90.0..90.0).contains(&angle);
    let (angle, anchor) = if backwards {
        (angle - 180.0, "end")
    } else {
        (angle, "start")
    };
    let _ = writeln!(
        text,
        "<text transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\" dy=\"-3\" font-size=\"9\" text-anchor=\"{anchor}\" \
         fill=\"#333333\" stroke=\"#ffffff\" stroke-width=\"2.5\" paint-order=\"stroke\">{}</text>",
        escape(&end.lines.join(" ")),
    );
}

/// Names hold nothing else that XML gives a meaning.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
