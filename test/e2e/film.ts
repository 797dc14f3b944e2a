/** The moving picture of the documents: what it shows of the editor, and its file. */
import type { Locator, Page } from 'playwright-core';

/** Its width and height. */
const SIZE = { width: 1600, height: 1120 };
const STEPS = ['Dry run: nothing is sent', 'Run', 'Rows by route'];
const [BLUE, GREY] = ['#1a73e8', '#e3e6ea'];

/** A part of the page, from a corner on, and the step that it shows. */
export interface Scene {
	x: number;
	y: number;
	scale: number;
	/** From 1. */
	step: number;
}

export interface Frame {
	/** A lossy WebP picture. */
	picture: Buffer;
	/** In milliseconds. */
	duration: number;
}

/** The part of the page that a scene shows. */
export function partOf({ x, y, scale }: Scene) {
	return { x, y, width: SIZE.width / scale, height: SIZE.height / scale };
}

/** Draws the steps at the bottom of a scene, and a ring around what to look at. */
export async function mark(page: Page, scene: Scene, at?: Locator): Promise<void> {
	const { x, y, width, height } = partOf(scene);
	const box = await at?.boundingBox();
	const ring =
		box &&
		boxOf(
			{ ...box, width: Math.min(box.width, x + width - box.x - 8) },
			`outline: 3px solid ${BLUE}; outline-offset: 1px; border-radius: 4px`,
		);
	const bar = 64 / scene.scale;
	const steps = STEPS.map((text, index) => {
		const colors = index + 1 === scene.step ? `${BLUE}; color: #fff` : `${GREY}; color: #5f6368`;
		return `<span style="flex: 1; background: ${colors}">${index + 1}. ${text}</span>`;
	});
	const html = `<div id="film">
		<style>[data-test-id=canvas-handle-plus-wrapper] { display: none }</style>
		${ring ?? ''}
		${boxOf(
			{ x, y: y + height - bar, width, height: bar },
			`display: flex; text-align: center; font-weight: 600; font-size: ${bar * 0.42}px; line-height: ${bar}px`,
			steps.join(''),
		)}</div>`;
	await page.evaluate(`document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(html)})`);
}

export async function unmark(page: Page): Promise<void> {
	await page.evaluate("document.getElementById('film').remove()");
}

function boxOf(
	box: { x: number; y: number; width: number; height: number },
	style: string,
	html = '',
) {
	const place = `left: ${box.x}px; top: ${box.y}px; width: ${box.width}px; height: ${box.height}px`;
	return `<div style="position: fixed; z-index: 9999; ${place}; ${style}">${html}</div>`;
}

/**
 * Joins pictures of one size into an animated WebP, which goes on for ever.
 * Its chunks: https://developers.google.com/speed/webp/docs/riff_container
 */
export function animatedWebp(frames: Frame[]): Buffer {
	const size = Buffer.concat([uint24(SIZE.width - 1), uint24(SIZE.height - 1)]);
	const [isAnimated, isWhole] = [Buffer.from([2, 0, 0, 0]), Buffer.from([2])];
	return chunk(
		'RIFF',
		Buffer.from('WEBP'),
		chunk('VP8X', isAnimated, size),
		// No background, no end.
		chunk('ANIM', Buffer.alloc(6)),
		...frames.map(({ picture, duration }) =>
			chunk('ANMF', Buffer.alloc(6), size, uint24(duration), isWhole, imageIn(picture)),
		),
	);
}

/** The chunk of the image in a picture's file. @throws Error where it is not lossy */
function imageIn(file: Buffer): Buffer {
	for (let at = 12; at < file.length;) {
		const length = 8 + file.readUInt32LE(at + 4);
		const end = at + length + (length % 2);
		if (file.toString('latin1', at, at + 4) === 'VP8 ') return file.subarray(at, end);
		at = end;
	}
	throw new Error('The picture is not a lossy WebP');
}

function uint24(value: number): Buffer {
	const bytes = Buffer.alloc(3);
	bytes.writeUIntLE(value, 0, 3);
	return bytes;
}

function chunk(name: string, ...data: Buffer[]): Buffer {
	const content = Buffer.concat(data);
	const head = Buffer.alloc(8, name, 'latin1');
	head.writeUInt32LE(content.length, 4);
	return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

/** What Chromium finds in a film. */
export async function framesOf(page: Page, film: Buffer) {
	return await page.evaluate<Array<{ size: string; duration: number }>>(`(async () => {
		const data = Uint8Array.from(atob('${film.toString('base64')}'), (byte) => byte.charCodeAt(0));
		const decoder = new ImageDecoder({ data, type: 'image/webp' });
		await decoder.tracks.ready;
		const frames = [];
		for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
			const { image } = await decoder.decode({ frameIndex });
			frames.push({
				size: image.codedWidth + ' × ' + image.codedHeight,
				duration: image.duration / 1000,
			});
		}
		return frames;
	})()`);
}
