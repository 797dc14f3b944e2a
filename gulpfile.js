const { dest, parallel, src } = require('gulp');

/** What tsc leaves behind: pictures, and the codex that files the node under its categories. */
const icons = () => src('icons/*.svg', { encoding: false }).pipe(dest('dist/icons'));
const codex = () => src('nodes/**/*.node.json').pipe(dest('dist/nodes'));

exports.build = parallel(icons, codex);
