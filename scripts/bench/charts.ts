/** The charts of the benchmark. They read on light and on dark ground. */
import type { Figures, Run, Year } from './figures';

const OURS = '#0c8c7f';
const OTHER = '#8a94a3';
const TEXT = '#737b88';
const BAR = 18;
/** The setting of a year that its chart stresses. */
export const DEFAULT_NAME = 'The default';
const BOLD = ' font-weight="bold"';

function svg(width: number, height: number, label: string, lines: string[]): string {
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" font-family="sans-serif" font-size="13" fill="${TEXT}">`,
		...lines,
		'</svg>',
		'',
	].join('\n');
}

function text(x: number, y: number, words: string, more = ''): string {
	return `<text x="${x}" y="${y}"${more}>${words}</text>`;
}

function bar(x: number, y: number, width: number, fill: string): string {
	const drawn = Math.max(1, width).toFixed(1);
	return `<rect x="${x}" y="${y}" width="${drawn}" height="${BAR}" rx="3" fill="${fill}"/>`;
}

const count = (value: number) => value.toLocaleString('en-US');

/** Seconds of each way to check a list. */
export function speedChart({ runs, measured }: Figures['speed']): string {
	const rows = runs[0]!.rows;
	const shown = runs.filter(
		(run): run is Run & { seconds: number } =>
			run.where === 'n8n' &&
			run.rows === rows &&
			run.seconds !== null &&
			/50 at a time|with credential/.test(run.what),
	);
	const longest = Math.max(...shown.map(({ seconds }) => seconds));
	const bars = shown.map(({ what, list, seconds, billed }, index) => {
		const y = 40 + index * 26;
		const width = (seconds / longest) * 300;
		return [
			text(350, y + 14, list === 'dirty' ? `${what}, dirty list` : what, ' text-anchor="end"'),
			bar(360, y, width, what.startsWith('Juhe') ? OURS : OTHER),
			text(368 + width, y + 14, `${seconds.toFixed(1)} s, ${count(billed)} billed`),
		].join('');
	});
	const title = `${count(rows)} rows in n8n ${measured.n8n}, ${measured.latency} ms latency: seconds, less is better`;
	return svg(820, 60 + shown.length * 26, title, [text(10, 22, title, ' font-size="15"'), ...bars]);
}

/** What a year of nightly checks bills, and how late it sees a change. */
export function yearChart({ numbers, nights, settings }: Year): string {
	const title = `${count(numbers)} numbers, checked every night for ${nights} nights (simulated)`;
	const most = Math.max(...settings.map(({ queries }) => queries));
	const latest = Math.max(...settings.map(({ meanDaysUntilSeen }) => meanDaysUntilSeen));
	const lines = settings.flatMap(({ name, days, queries, meanDaysUntilSeen }, index) => {
		const y = 76 + index * 30;
		const fill = name === DEFAULT_NAME ? OURS : OTHER;
		const billed = (queries / most) * 140;
		const late = (meanDaysUntilSeen / latest) * 110;
		const share = `${count(queries)}, ${((100 * queries) / most).toFixed(1)}%`;
		return [
			text(10, y + 14, days ? `${name}: ${Object.values(days).join(', ')} days` : name),
			bar(320, y, billed, fill),
			text(328 + billed, y + 14, share),
			bar(610, y, late, fill),
			text(618 + late, y + 14, meanDaysUntilSeen.toFixed(1)),
		];
	});
	return svg(840, 86 + settings.length * 30, title, [
		text(10, 24, title, ' font-size="15"'),
		text(10, 58, 'Recheck After: keep, recheck, remove, review', BOLD),
		text(320, 58, 'Queries billed', BOLD),
		text(610, 58, 'Mean days until a change is seen', BOLD),
		...lines,
	]);
}
