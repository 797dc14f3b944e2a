/** What it costs to read a cell. */
import { parseMobile } from '../../nodes/JuheMobileStatus/list/number';
import { FILLERS, fill } from '../../test/fillers';

const MEGABYTE = 1_000_000;
const DRESSED = [
	...['+86 138-0013-8000', '张三 13800138000', '手机1：13800138000', '13800138000（2024年更新）'],
	...['联系人：张三 电话：13800138000', '138****8000', '订单号：13800138000', '+1 415 555 2671'],
];

/** `npm run bench -- cells`: prints milliseconds a cell of 1 MB and microseconds a usual cell. */
export function measureCells(): void {
	const long = Object.entries(FILLERS)
		.flatMap(([name, filler]) => {
			const text = fill(filler, MEGABYTE);
			const half = fill(filler, MEGABYTE / 2);
			return [
				{ name, cell: text },
				{ name: `${name} around a number`, cell: `${half}13800138000${half}` },
			];
		})
		.map(({ name, cell }) => ({ name, ms: secondsOf(cell, 5) * 1e3 }))
		.sort((a, b) => b.ms - a.ms);
	const [worst] = long;
	console.log(`1 MB: at most ${worst!.ms.toFixed(2)} ms (${worst!.name}), of ${long.length} cells`);
	console.log(`a clean cell: ${(secondsOf('13800138000', 1_000_000) * 1e6).toFixed(2)} µs`);
	const dressed = DRESSED.map((cell) => secondsOf(cell, 20_000) * 1e6);
	const mean = dressed.reduce((sum, each) => sum + each, 0) / dressed.length;
	console.log(`a dressed cell: ${mean.toFixed(2)} µs`);
}

/** Seconds a call, the best of three rounds: the machine may be busy with other work. */
function secondsOf(cell: string, calls: number): number {
	const rounds = Array.from({ length: 3 }, () => {
		const start = performance.now();
		for (let call = 0; call < calls; call++) parseMobile(cell);
		return (performance.now() - start) / 1e3 / calls;
	});
	return Math.min(...rounds);
}
