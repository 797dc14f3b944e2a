/** `it` for what needs the process, the log, the files or the command line of n8n: skipped in one that runs already. */
export const ownIt = process.env.JUHE_N8N_URL === undefined ? it : it.skip;
