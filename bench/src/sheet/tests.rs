use super::*;

#[test]
fn a_percentile_is_the_nearest_rank() {
    let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
    assert_eq!(percentile(&values, 50), Some(100.0));
    assert_eq!(percentile(&values, 99), Some(198.0));
    assert_eq!(percentile(&[7.0], 99), Some(7.0));
    assert_eq!(percentile(&[], 50), None);
}

#[test]
fn a_ratio_is_taken_within_each_round() {
    let mut sheet = Sheet::default();
    for (product, limit) in [(10.0, 5.0), (9.0, 3.0), (100.0, 10.0)] {
        sheet.put(Side::Limit, "lone: CPU us per delivery", limit);
        sheet.put(Side::Product, "lone: CPU us per delivery", product);
    }
    let row = "| lone: CPU us per delivery | 10.0 [9.00-100] | 5.00 [3.00-10.0] | 3.00 | <= 1.0 x |\n";
    assert!(sheet.table().ends_with(row), "{}", sheet.table());
}

#[test]
fn a_figure_without_a_limit_has_no_ratio() {
    let mut sheet = Sheet::default();
    sheet.put(Side::Product, "rest", 0.5);
    assert!(sheet.table().ends_with("| rest | 0.500 | - |  |  |\n"), "{}", sheet.table());
}
