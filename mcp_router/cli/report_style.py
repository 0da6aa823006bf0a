"""The style of the report's page: for a bright screen, for a dark one, and for paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fcfcfb; --card: #ffffff; --ink: #1c1e21;
  --soft: #646a73; --rule: #e4e5e7; --one: #2f6690; --two: #d98032; --before: #b3bac3;
  --rail: #eceef0; --good: #2b7a4b; --bad: #b3392f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --card: #1c1f23; --ink: #e8e9ea; --soft: #9aa1aa; --rule: #2d3136;
    --one: #6ba3cf; --two: #e8a25c; --before: #5d656f; --rail: #282c31; --good: #6cc08b;
    --bad: #e58178; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 28px 56px; }
h1 { font-size: 26px; font-weight: 650; letter-spacing: -0.015em; margin: 0; }
h2 { font-size: 17px; font-weight: 650; margin: 44px 0 4px; }
h3 { font-size: 14px; font-weight: 600; margin: 0; }
p { margin: 4px 0; }
.soft, figcaption { color: var(--soft); font-size: 13.5px; }
.tiles { display: grid; grid-template-columns: repeat(6, 1fr); gap: 1px; margin: 24px 0 0;
  background: var(--rule); border: 1px solid var(--rule); border-radius: 8px; overflow: hidden; }
.tiles div { background: var(--card); padding: 14px 16px 12px; }
.tiles dt { color: var(--soft); font-size: 12.5px; }
.tiles dd { margin: 2px 0 0; font-size: 21px; font-weight: 600; white-space: nowrap;
  font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 20px; align-items: start; }
.pair.wide { column-gap: 48px; margin-top: 10px; }
.pair > * { min-width: 0; }
figure { margin: 14px 0 0; padding: 14px 16px 8px; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px; }
figure header { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 2px 12px;
  align-items: baseline; }
.chart { display: block; width: 100%; height: auto; margin-top: 8px; }
.chart text { fill: var(--soft); font-size: 11px; font-variant-numeric: tabular-nums; }
.chart .name { fill: var(--ink); font-size: 13px; }
.grid { stroke: var(--rule); stroke-width: 1; }
.one { fill: var(--one); stroke: none; } .two { fill: var(--two); stroke: none; }
.before { fill: var(--before); } .rail { fill: var(--rail); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.line.one { stroke: var(--one); } .line.two { stroke: var(--two); }
.legend { display: flex; gap: 16px; color: var(--soft); font-size: 12.5px; margin: 0; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.mark { width: 10px; height: 10px; }
.scroll { overflow-x: auto; margin-top: 8px; }
.scroll > .chart { min-width: 640px; margin-top: 0; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: 14px; }
th { text-align: right; font-weight: 500; color: var(--soft); font-size: 12.5px;
  border-bottom: 1px solid var(--rule); padding: 6px 0 6px 14px; white-space: nowrap; }
td { text-align: right; padding: 6px 0 6px 14px; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; max-width: 300px;
  overflow: hidden; text-overflow: ellipsis; }
main > .scroll th:first-child { width: 210px; }
td .soft { display: block; font-size: 12.5px; line-height: 1.35; white-space: normal; }
td.text, th.text { text-align: left; max-width: 130px; overflow: hidden; text-overflow: ellipsis; }
td.bar { width: 92px; }
tr.all td { font-weight: 600; border-bottom: none; }
.meter { display: block; width: 92px; height: 8px; border-radius: 2px; }
.good { color: var(--good); } .bad { color: var(--bad); }
footer { margin-top: 48px; padding-top: 14px; border-top: 1px solid var(--rule); }
@media (max-width: 760px) { .tiles { grid-template-columns: repeat(2, 1fr); }
  .pair { grid-template-columns: 1fr; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000; --soft: #555;
    --rule: #ccc; --one: #2f6690; --two: #d98032; --before: #b3bac3; --rail: #eee;
    --good: #2b7a4b; --bad: #b3392f; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11pt; } main { max-width: none; padding: 0; }
  figure, tr, .tiles { break-inside: avoid; } h2 { break-after: avoid; }
  .scroll { overflow: visible; }
}
"""
