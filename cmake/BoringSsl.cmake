# BoringSSL::ssl and BoringSSL::crypto. By default what Debian has as android-libboringssl-dev: shared libraries in a
# folder where the loader does not look (CMake gives the binaries an rpath for it), headers apart from those of OpenSSL.
# -DBORINGSSL_ROOT=DIR takes another build: DIR/include with DIR/lib, or a source tree with its build in DIR/build.
#
# Nothing else in the same program may bring OpenSSL along (libcurl, libpq, ...): the names are the same ones, and
# whoever comes first in the search would answer for both.
set(BORINGSSL_ROOT "" CACHE PATH "A build of BoringSSL that is used in place of Debian's package")

if(BORINGSSL_ROOT)
  set(boringssl_include_directories ${BORINGSSL_ROOT}/include ${BORINGSSL_ROOT}/src/include)
  set(boringssl_library_directories ${BORINGSSL_ROOT}/lib ${BORINGSSL_ROOT}/lib64 ${BORINGSSL_ROOT}/build
      ${BORINGSSL_ROOT})
else()
  set(boringssl_include_directories /usr/include/android)
  set(boringssl_library_directories /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/android /usr/lib/android)
endif()

# is_boringssl.h: what is found must not be OpenSSL.
find_path(boringssl_include openssl/is_boringssl.h PATHS ${boringssl_include_directories} NO_DEFAULT_PATH NO_CACHE)
foreach(part ssl crypto)
  find_library(boringssl_${part} NAMES lib${part}.a lib${part}.so PATHS ${boringssl_library_directories}
               PATH_SUFFIXES ${part} NO_DEFAULT_PATH NO_CACHE)
  if(NOT boringssl_include OR NOT boringssl_${part})
    message(FATAL_ERROR "BoringSSL is missing: install android-libboringssl-dev, or give -DBORINGSSL_ROOT=DIR. Looked "
                        "in ${boringssl_include_directories} and ${boringssl_library_directories}")
  endif()
  if(boringssl_${part} MATCHES "\\.a$")
    add_library(BoringSSL::${part} STATIC IMPORTED GLOBAL)
  else()
    add_library(BoringSSL::${part} SHARED IMPORTED GLOBAL)
  endif()
  set_target_properties(BoringSSL::${part} PROPERTIES IMPORTED_LOCATION ${boringssl_${part}}
                        INTERFACE_INCLUDE_DIRECTORIES ${boringssl_include})
endforeach()
target_link_libraries(BoringSSL::crypto INTERFACE Threads::Threads)
target_link_libraries(BoringSSL::ssl INTERFACE BoringSSL::crypto)
message(STATUS "BoringSSL: ${boringssl_ssl}, ${boringssl_include}")
