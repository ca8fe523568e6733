// Fetches node-rdkafka and compiles it against the librdkafka of the system, for the tests that use it as a client.
import { buildAddon, installPackages } from './lib/install.mjs';

installPackages();
buildAddon();
