// Stale records: whole and valid, and not of the log. A recovery has cut them off with the end that a crash had torn,
// and the log was written over them; when another crash takes what was written last, and records behind that are kept,
// they are back in the hole. Who has the place of a lost record would read another one there.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "core/storage.h"
#include "log/position.h"
#include "log/recovery.h"

namespace penstock::log {

// Makes those in the holes that recover_log() has found no records any more, on the disk, too. What is damaged stays as
// it is, and so does what the disk did not give then and gives now. At a start, before anybody reads the log and before
// a checkpoint lets the next start pass the holes by. Waits for the disk.
core::Status unmake_stale_records(core::Storage& storage, const std::string& directory, LogId id,
                                  const std::vector<Hole>& holes);

}  // namespace penstock::log
