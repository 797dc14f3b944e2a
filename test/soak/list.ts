/** The list of a round: its rows, what is done to them between executions, and what the node may believe of them. */
import type { IDataObject } from 'n8n-workflow';

import { detailsOf, resultIn } from '../simulated';
import { mobileOf, NO_NUMBERS, SPELLINGS, type Edit, type Round } from './round';

/** What a row carries from an earlier call of the node. */
export interface Carried {
	/** Whether its result still holds, and nobody has forged it. */
	isFresh: boolean;
	/** Null where it carries none, or that of another number. */
	route: unknown;
	/** Whether this execution has paid for its result. */
	isAnswer: boolean;
}

const NOTHING: Carried = { isFresh: false, route: null, isAnswer: false };
const DAYS: Record<string, number> = { keep: 30, recheck: 7, remove: 180, review: 7 };
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
const dateOf = (text: unknown) => new Date(text as string) as unknown as string;
const secondsOf = (time: unknown) =>
	(typeof time === 'string' ? time.replace(/\.\d+/, '') : time) as string;

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
	secondsFromTable: ({ checkedAt, recheckAt }) => ({
		...{ checkedAt: secondsOf(checkedAt), recheckAt: secondsOf(recheckAt) },
	}),
	numbersFromTable: ({ state }) => (state ? { state: Number(state) } : {}),
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
		return resultIn(json, this.outputField);
	}

	/** What a row carries that the node gave so. */
	carriedBy(json: IDataObject): Carried {
		if (detailsOf({ json }) !== undefined) return NOTHING;
		const { advice, source } = this.resultIn(json);
		const days = { ...DAYS, ...this.round.options.recheckAfter }[advice as string] ?? 0;
		return { isFresh: days > 0, route: json[this.routeField], isAnswer: source !== 'reused' };
	}

	/** The row out of a table that keeps whole seconds. */
	inSeconds(json: IDataObject): IDataObject {
		const row = structuredClone(json);
		const result = this.resultIn(row);
		if (result.checkedAt !== undefined) this.put(row, WRITTEN.secondsFromTable!(result, null));
		return row;
	}

	/** The latest time (Date.now()) that a row carries as a whole second: an answer of that second may seem to be its own. */
	latestSecond(): number {
		const times = this.rows.map((row) => Date.parse(this.resultIn(row).checkedAt as string));
		return Math.max(0, ...times.filter((time) => time % 1000 === 0 && time <= Date.now()));
	}

	/** Another execution begins: what rows carry comes from earlier ones. */
	begin(): void {
		for (const [id, carried] of this.carried.entries()) {
			this.carried[id] = { ...carried, isAnswer: false };
		}
	}

	/** Puts values into the result that a row carries. */
	private put(row: IDataObject, values: IDataObject): void {
		const object = row[this.outputField];
		if (typeof object === 'object') Object.assign(object as IDataObject, values);
		else for (const name in values) row[`${this.outputField}_${name}`] = values[name];
	}

	/** Writes back what the node gave. A dry run changes nothing that a row carries. */
	write(json: IDataObject, isDryRun: boolean): void {
		const id = json.id as number;
		this.rows[id] = json;
		if (!isDryRun) this.carried[id] = this.carriedBy(json);
	}

	edit(place: number, edit: Edit): void {
		const id = place % this.rows.length;
		const row = (this.rows[id] = structuredClone(this.rows[id]!));
		const result = this.resultIn(row);
		const hasResult = result.mobile !== undefined;
		const carried = { ...this.carried[id]! };
		// A second change gives another number again.
		const change = this.mobiles[id] === mobileOf(500 + id) ? 1000 : 500;
		if (edit === 'numberChanged') row.phone = this.mobiles[id] = mobileOf(change + id);
		if (edit === 'routeForged')
			row[this.routeField] = Number(result.state) === 1 ? 'normal' : 'suspended';
		if (hasResult) this.put(row, WRITTEN[edit]?.(result, carried.route) ?? {});

		const isOfOther =
			hasResult && (carried.route === null || edit === 'numberChanged' || edit === 'mobileForged');
		if (edit === 'routeForged') carried.route = row[this.routeField];
		if (!edit.endsWith('FromTable')) carried.isFresh &&= !hasResult && edit !== 'routeForged';
		this.carried[id] = isOfOther ? NOTHING : carried;
	}
}
