/** Coverage as a page of HTML: each rule with the tree of its condition. */

import type { Coverage, NodeCoverage, RuleCoverage } from './coverage.ts';
import { countedRules, coverageLine, gapOf, gapsOf } from './told.ts';

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 13px/1.5 ui-monospace, monospace; }
ul { list-style: none; margin: 0; padding-left: 1.2rem; border-left: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
summary { cursor: pointer; }
.gap { background: color-mix(in srgb, orange 30%, transparent); }
small { opacity: .75; }
`;

/** One page that needs nothing else. Rules with gaps are open. */
export function coveragePage(coverage: Coverage): string {
  const files = Map.groupBy(countedRules(coverage), ({ file }) => file);
  const sections = [...files].map(
    ([file, rules]) => `<h2>${html(file)}</h2>\n${rules.map((rule) => ruleOf(rule)).join('\n')}`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Coverage of rules</title>
<style>${STYLE}</style>
<h1>Coverage of rules</h1>
<p>${html(coverageLine(coverage))}.</p>
<p>A check is marked that was never true, or never false, in any test: whether it is right is not known.</p>
${sections.join('\n')}
</html>
`;
}

function ruleOf(rule: RuleCoverage): string {
  const gaps = gapsOf(rule);
  const open = rule.checks.filter((check) => gapOf(check) !== undefined).length;
  const said = [...gaps, ...(open === 0 ? [] : [`${open} of ${rule.checks.length} checks`])].join(', ');
  const mark = said === '' ? '' : ` <span class="gap">${html(said)}</span>`;
  return `<details${said === '' ? '' : ' open'}><summary>${html(rule.name)}${mark} <small>${html(`${rule.file}:${rule.line}`)}</small></summary>
<ul>${nodeOf(rule.condition)}</ul></details>`;
}

function nodeOf({ kind, text, check, items }: NodeCoverage): string {
  if (check !== undefined) {
    const gap = gapOf(check);
    const place = check.place === undefined ? '' : ` <small>${html(check.place)}</small>`;
    const mark = gap === undefined ? '' : ` <b>${gap}</b>`;
    return `<li${gap === undefined ? '' : ' class="gap"'}><code>${html(check.text)}</code>${mark}${place}</li>`;
  }
  const head = kind === 'macro' ? `<code>${html(text ?? '')}</code>` : kind;
  return `<li>${head}<ul>${items.map(nodeOf).join('')}</ul></li>`;
}

function html(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
