import { JuheApi } from '../credentials/JuheApi.credentials';
import { testCredential } from './engine';
