const { dest, parallel, src } = require('gulp');

/** What tsc leaves behind: pictures, the codex that files the node under its categories, the schemas of its output. */
const icons = () => src('icons/*.svg', { encoding: false }).pipe(dest('dist/icons'));
const json = () => src('nodes/**/*.json').pipe(dest('dist/nodes'));

exports.build = parallel(icons, json);
