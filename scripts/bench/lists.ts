/** The lists of the benchmark. */
import type { IDataObject } from 'n8n-workflow';

import { RECHECK_DAYS } from '../../nodes/JuheMobileStatus/properties';

export type List = 'distinct' | 'dirty';

const DAY = 86_400_000;

/** Rows with distinct numbers, or with 30% duplicates in other spellings and 5% that are no numbers. */
export function listOf(list: List, count: number): Array<{ phone: string }> {
	const distinct = Math.round(count * 0.65);
	return Array.from({ length: count }, (_, index) => {
		if (list === 'distinct') return { phone: numberOf(index) };
		// Of twenty rows thirteen are new, six are known in another spelling, one is none.
		const place = index % 20;
		const block = Math.floor(index / 20) * 13;
		if (place < 13) return { phone: numberOf(Math.min(block + place, distinct - 1)) };
		if (place === 19) return { phone: '010-62345678' };
		const known = numberOf(block + place - 13);
		return { phone: `+86 ${known.replace(/(\d{3})(\d{4})/, '$1-$2-')}` };
	});
}

/** Rows that carry a result of yesterday; of each hundred so many are due. */
export function checkedList(
	count: number,
	duePercent: number,
	resultAs: 'object' | 'columns',
): IDataObject[] {
	const checkedAt = Date.now() - DAY;
	const { default: days } = RECHECK_DAYS.find(({ name }) => name === 'keep')!;
	return Array.from({ length: count }, (_, index) => {
		const isDue = index % 100 < duePercent;
		const result = {
			...{ mobile: numberOf(index), province: '上海市', city: '上海市', isp: '移动' },
			...{ state: '0', description: '正常使用', label: 'Normal', advice: 'keep' },
			...{ operation: 'plain', billable: 'yes', attempts: 1, source: 'query' },
			checkedAt: new Date(checkedAt).toISOString(),
			recheckAt: new Date(isDue ? checkedAt : checkedAt + days * DAY).toISOString(),
		};
		const columns = Object.entries(result).map(([name, value]) => [`mobileStatus_${name}`, value]);
		const written = resultAs === 'object' ? { mobileStatus: result } : Object.fromEntries(columns);
		return { phone: numberOf(index), route: 'normal', ...(written as IDataObject) };
	});
}

/** A number that the simulator calls normal. */
function numberOf(index: number): string {
	return `139${String(index).padStart(7, '0')}0`;
}
