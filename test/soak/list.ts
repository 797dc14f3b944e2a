/** The list of a round: its rows, what is done to them between executions, and what the node may believe of them. */
import type { IDataObject } from 'n8n-workflow';

import { mobileOf, NO_NUMBERS, SPELLINGS, type Edit, type Round } from './round';

/** What a row carries from an earlier call of the node. */
export interface Carried {
	/** Whether its result still holds, and nobody has forged it. */
	isFresh: boolean;
	/** Null where it carries none, or that of another number. */
	route: unknown;
}

const NOTHING: Carried = { isFresh: false, route: null };
const DAYS: Record<string, number> = { keep: 30, recheck: 7, remove: 180, review: 7 };
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const dateOf = (text: unknown) => new Date(text as string) as unknown as string;

/** What an edit writes into a result. */
const WRITTEN: Partial<Record<Edit, (result: IDataObject, route: unknown) => IDataObject>> = {
	recheckCleared: () => ({ recheckAt: null }),
	stateForged: (_, route) => ({ state: route === 'unknown' ? '3' : '7' }),
	mobileForged: () => ({ mobile: '13912345678' }),
	fromTomorrow: () => ({ checkedAt: inDays(1), recheckAt: inDays(2) }),
	noTime: () => ({ checkedAt: 'yesterday' }),
	datesFromTable: ({ checkedAt, recheckAt }) => ({
		...{ checkedAt: dateOf(checkedAt), recheckAt: dateOf(recheckAt) },
	}),
	numbersFromTable: ({ state }) => (state === undefined ? {} : { state: Number(state) }),
};

export class List {
	readonly rows: IDataObject[];
	/** By the id of a row, as `carried`; undefined for a cell that is no number. */
	readonly mobiles: Array<string | undefined>;
	readonly carried: Carried[];
	readonly routeField: string;
	readonly outputField: string;

	constructor(private readonly round: Round) {
		const { cells, options } = round;
		this.routeField = options.routeField ?? 'route';
		this.outputField = options.outputField ?? 'mobileStatus';
		this.mobiles = cells.map((cell) => ('number' in cell ? mobileOf(cell.number) : undefined));
		this.carried = cells.map(() => NOTHING);
		this.rows = cells.map((cell, id) => {
			const isNumber = 'number' in cell;
			const spell = isNumber ? SPELLINGS[cell.spelling]! : String;
			const phone = isNumber ? spell(mobileOf(cell.number)) : NO_NUMBERS[cell.noNumber];
			return { id, phone, note: { list: [id, null], text: '备注' } };
		});
	}

	/** The result in a row, whatever its shape; empty where there is none. */
	resultIn(json: IDataObject): IDataObject {
		const { outputField } = this;
		if (typeof json[outputField] === 'object') return json[outputField] as IDataObject;
		const columns = Object.entries(json).filter(([name]) => name.startsWith(`${outputField}_`));
		const named = columns.map(([name, value]) => [name.slice(outputField.length + 1), value]);
		return Object.fromEntries(named) as IDataObject;
	}

	/** What a row carries that the node gave so. */
	carriedBy(json: IDataObject): Carried {
		if (json.details !== undefined) return NOTHING;
		const { advice } = this.resultIn(json);
		const days = { ...DAYS, ...this.round.options.recheckAfter }[advice as string] ?? 0;
		return { isFresh: days > 0, route: json[this.routeField] };
	}

	/** Writes back what the node gave. */
	write(json: IDataObject): void {
		this.rows[json.id as number] = json;
		this.carried[json.id as number] = this.carriedBy(json);
	}

	edit(place: number, edit: Edit): void {
		const id = place % this.rows.length;
		const row = (this.rows[id] = structuredClone(this.rows[id]!));
		const result = this.resultIn(row);
		const hasResult = result.mobile !== undefined;
		const { isFresh, route } = this.carried[id]!;
		// A second change gives another number again.
		const change = this.mobiles[id] === mobileOf(500 + id) ? 1000 : 500;
		if (edit === 'numberChanged') row.phone = this.mobiles[id] = mobileOf(change + id);
		if (edit === 'routeForged')
			row[this.routeField] = Number(result.state) === 1 ? 'normal' : 'suspended';
		const written = (hasResult && WRITTEN[edit]?.(result, route)) || {};
		if (typeof row[this.outputField] === 'object') Object.assign(result, written);
		else for (const name in written) row[`${this.outputField}_${name}`] = written[name];

		const isOfOther =
			hasResult && (route === null || edit === 'numberChanged' || edit === 'mobileForged');
		if (isOfOther) this.carried[id] = NOTHING;
		else if (edit === 'routeForged')
			this.carried[id] = { isFresh: false, route: row[this.routeField] };
		else if (hasResult && !edit.endsWith('FromTable')) this.carried[id] = { isFresh: false, route };
		else this.carried[id] = { isFresh, route };
	}
}
