import type { INodeType } from 'n8n-workflow';

export const Floor: new () => INodeType;
