/** The look of a report: system fonts, two inks and an accent, in light and dark. */
export const REPORT_STYLE = `
:root { --page: #fbfaf8; --card: #ffffff; --ink: #1f2328; --soft: #656d76; --rule: #e4e1dc; --accent: #2f6fb3; --second: #c2571a; --good: #2c7a4b; --bad: #b3362f }
@media (prefers-color-scheme: dark) { :root { --page: #14171a; --card: #1c2024; --ink: #e6e4df; --soft: #9aa3ab; --rule: #2d3339; --accent: #77aee8; --second: #ee9a5d; --good: #6fc392; --bad: #f0857d } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif }
main { max-width: 880px; margin: 0 auto; padding: 40px 20px 64px }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; margin-bottom: 22px }
h1 { font-size: 28px; letter-spacing: -0.02em; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 17px; margin: 40px 0 12px }
h3 { font-size: 14px; font-weight: 600; margin: 0 0 8px; white-space: pre-wrap; overflow-wrap: anywhere }
.lead { flex-basis: 100%; margin: 0; color: var(--soft) }
.state { margin: 0; padding: 1px 10px; border-radius: 99px; border: 1px solid currentColor; font-size: 13px; color: var(--soft) }
.state.done { color: var(--good) } .state.failed { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 1px; background: var(--rule); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden }
.tiles div { background: var(--card); padding: 14px 16px }
.tiles b { display: block; font-size: 18px; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; white-space: nowrap }
.tiles span, .pair span { color: var(--soft); font-size: 13px }
.verdict { margin-top: 16px; padding: 10px 16px; border-left: 3px solid var(--second); background: var(--card); border-radius: 0 8px 8px 0 }
.verdict.healthy { border-color: var(--good) } .verdict.exploding { border-color: var(--bad) }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 14px }
.curves h2, .curves figure:nth-of-type(1) { grid-column: 1 / -1 } .curves h2 { margin-bottom: 0 }
figure { margin: 0; padding: 14px 16px 8px; background: var(--card); border: 1px solid var(--rule); border-radius: 10px }
figcaption { font-weight: 600; font-size: 14px; margin-bottom: 4px }
svg { width: 100%; height: auto; display: block; font-size: 11px }
svg text { fill: var(--soft); font-variant-numeric: tabular-nums }
.grid { stroke: var(--rule) } .note { stroke: var(--soft); stroke-dasharray: 3 3 } text.note { stroke: none; font-size: 11px }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.line.main { stroke: var(--accent) } .line.second { stroke: var(--second) } .line.faint { stroke: var(--accent); opacity: .25; stroke-width: 1.2 }
.dot.second { fill: var(--second) } .dot.main { fill: var(--accent) }
.legend { margin: 4px 0 6px; display: flex; gap: 18px; font-size: 13px; color: var(--soft) }
.key::before { content: ""; display: inline-block; width: 16px; height: 3px; border-radius: 2px; vertical-align: middle; margin-right: 6px; background: var(--accent) }
.key.second::before { background: var(--second) } .key.faint::before { opacity: .3 }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden }
th, td { text-align: left; padding: 7px 16px; border-top: 1px solid var(--rule); vertical-align: top; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
tr:first-child > * { border-top: 0 } th { font-weight: 400; color: var(--soft); width: 150px; white-space: nowrap }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, monospace }
.code { padding: 14px 16px; background: var(--card); border: 1px solid var(--rule); border-radius: 10px }
article { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px; margin-bottom: 12px }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 16px }
ul { margin: 0; padding-left: 20px } code { color: var(--soft); font-size: 12px }
footer { margin-top: 48px; color: var(--soft); font-size: 13px }
@media print { body { background: #fff } main { padding: 0 } section, figure, article { break-inside: avoid } }
`
