use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::figure::{Figure, Figures, Side, Unit};

const ROW: u32 = 26;
const WIDTH: u32 = 1_000;
const LABELS: u32 = 360;

/// Medians of times as bars on a logarithmic axis, a row for each scenario and action.
pub(crate) fn draw(figures: &Figures, path: &Path) -> Result<()> {
    let times: Vec<&Figure> = figures
        .all()
        .iter()
        .filter(|figure| figure.unit == Unit::Milliseconds && figure.p50 > 0.0)
        .collect();
    let mut rows: Vec<String> = Vec::new();
    for figure in &times {
        let row = label(figure);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    let most = times.iter().map(|figure| figure.p50).fold(1.0, f64::max);
    let least = times.iter().map(|figure| figure.p50).fold(most, f64::min);
    let height = ROW * u32::try_from(rows.len())? + 90;
    let area = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    let failed = |error: DrawingAreaErrorKind<std::io::Error>| anyhow!("{error}");
    area.fill(&WHITE).map_err(failed)?;
    let bottom = least * 0.8;
    let count = i32::try_from(rows.len())?;
    let mut chart = ChartBuilder::on(&area)
        .caption("milliseconds, medians", ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(LABELS)
        .build_cartesian_2d(
            (bottom..most * 1.2).log_scale(),
            (0..count).into_segmented(),
        )
        .map_err(failed)?;
    let named = |segment: &SegmentValue<i32>| match segment {
        SegmentValue::CenterOf(row) => usize::try_from(count - 1 - row)
            .ok()
            .and_then(|row| rows.get(row).cloned())
            .unwrap_or_default(),
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows.len())
        .y_label_formatter(&named)
        .draw()
        .map_err(failed)?;
    for (side, colour, place) in [
        (Side::Reference, RGBColor(170, 170, 170), 0),
        (Side::Ours, RGBColor(38, 110, 196), 1),
        (Side::Floor, RGBColor(240, 160, 40), 2),
    ] {
        let bars = times.iter().filter(|figure| figure.side == side);
        let bars: Vec<(i32, f64)> = bars
            .filter_map(|figure| {
                let row = rows.iter().position(|row| *row == label(figure))?;
                Some((count - 1 - i32::try_from(row).ok()?, figure.p50))
            })
            .collect();
        let style = colour.filled();
        chart
            .draw_series(bars.into_iter().map(|(row, value)| {
                let (from, to) = (SegmentValue::Exact(row), SegmentValue::Exact(row + 1));
                let mut bar = Rectangle::new([(bottom, from), (value, to)], style);
                let third = ROW / 4;
                bar.set_margin(third * place + 1, third * (2 - place) + 1, 0, 0);
                bar
            }))
            .map_err(failed)?
            .label(format!("{side:?}").to_lowercase())
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()
        .map_err(failed)?;
    area.present().map_err(failed)
}

fn label(figure: &Figure) -> String {
    format!("{} {}", figure.scenario, figure.action)
}
