/* What both programs on top of Paho C share: how they fail, and their command line, PROGRAM URL VERSION CA_FILE. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                            \
  do {                                                                \
    if (!(condition)) {                                               \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                        \
    }                                                                 \
  } while (0)

static const char* url;
static int version; /* MQTTVERSION_... */
static const char* ca_file;

static void read_command_line(int count, char** arguments) {
  REQUIRE(count == 4);
  url = arguments[1];
  version = strcmp(arguments[2], "5") == 0 ? 5 : strcmp(arguments[2], "3.1.1") == 0 ? 4 : 3;
  ca_file = arguments[3];
}

static int over_tls(void) {
  return strncmp(url, "mqtts:", 6) == 0 || strncmp(url, "wss:", 4) == 0;
}

static int is_text(const void* bytes, int length, const char* text) {
  return length == (int)strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}
